import {
  type CanActivate,
  type ControllerOptions,
  type ModuleMetadata,
  type Type,
  VERSION_NEUTRAL,
} from '@nestjs/common';
import { InvalidOptionsError } from '../task/errors.js';
import {
  array,
  checkOptions,
  classesOrObjects,
  func,
  functions,
  mustBe,
} from '../task/options/check-options.js';
import type { EventTask } from '../task/on-task-event.decorator.js';
import type { TaskEvent } from '../task/task-event.js';
import type { TaskTypeRef } from '../task/task-ref.js';
import type { TaskSnapshot } from '../task/task-snapshot.js';
import type { WatchedBy } from './live/watched-by.js';

/**
 * What somebody may do on the dashboard.
 *
 * - `view`: open the page (without a task), see one task
 * - `cancel`, `signal`: of one task
 * - `start`: of one task type. Where its id exists, it is asked about with that task, too
 * - `bulk`: cancel all tasks that a filter matches. Each of them is asked for as `cancel` too
 *
 * @publicApi
 */
export type DashboardAction = 'view' | 'cancel' | 'start' | 'signal' | 'bulk';

/**
 * What `access` decides about.
 *
 * @publicApi
 */
export interface DashboardDecision {
  readonly action: DashboardAction;
  /** The task, with its owner and metadata. Not set for `bulk`, for a `start` with a new id, and for the page as a whole. */
  readonly task?: EventTask;
  /** With `start`: the task type. */
  readonly type?: TaskTypeRef;
  /** The request of your framework, after the guards: give the parameter its type. */
  readonly request: never;
}

/**
 * A task as the dashboard shows it. `inputBytes` and `watchedBy` stand on its own page alone.
 *
 * @publicApi
 */
export interface DashboardSnapshot extends TaskSnapshot {
  /** The size of its input as JSON, where it is known. */
  readonly inputBytes?: number | undefined;
  /** Who watches it over HTTP, as `http.owner` names them. */
  readonly watchedBy?: WatchedBy | undefined;
}

/**
 * What `StreamingDashboardModule.forRoot()` takes.
 *
 * @publicApi
 */
export interface StreamingDashboardOptions {
  /** The path of the page. The global prefix and the version come before it. @defaultValue 'streaming' */
  path?: string | undefined;
  /** The same as `path`. */
  route?: string | undefined;
  /** The version of its routes, as of a `@Controller()`. @defaultValue the `defaultVersion` of `enableVersioning()` */
  version?: ControllerOptions['version'] | undefined;
  /** Guards of the page and all that it asks for. */
  guards?: (Type<CanActivate> | CanActivate)[] | undefined;
  /** Decides who may do what. A `false` or an error refuses. @defaultValue whom the guards let in may do everything */
  access?: ((decision: DashboardDecision) => boolean | Promise<boolean>) | undefined;
  /**
   * Takes out what the dashboard must not show: called with each snapshot and each event before they leave the process. What
   * it returns is shown in their place. If it throws, nothing of it is shown. @defaultValue all is shown
   */
  redact?: (<Shown extends TaskEvent | DashboardSnapshot>(shown: Shown) => Shown) | undefined;
  /**
   * Who asks, for the log and for the `by` of a cancellation. Called after the guards.
   * @defaultValue `request.user`, by its `email`, `username`, `name`, `id` or `sub`, or else the address
   */
  by?: ((request: never) => string | null | undefined) | undefined;
  /** Class decorators of the controller, `SetMetadata('roles', ['admin'])` for example. */
  decorators?: ClassDecorator[] | undefined;
  /** Modules whose exports the guards inject. */
  imports?: ModuleMetadata['imports'] | undefined;
}

/** With every default filled in. */
export interface ResolvedDashboardOptions {
  readonly path: string;
  readonly guards: NonNullable<StreamingDashboardOptions['guards']>;
  readonly access: StreamingDashboardOptions['access'];
  readonly redact: StreamingDashboardOptions['redact'];
  readonly by: StreamingDashboardOptions['by'];
}

export const DASHBOARD_OPTIONS = Symbol.for('nestjs-streaming:dashboard-options');

export const where = 'StreamingDashboardModule.forRoot()';

const DEFAULT_PATH = 'streaming';
const isVersion = (value: unknown) => typeof value === 'string' || value === VERSION_NEUTRAL;
const version = mustBe(
  'a version or several',
  (value) => isVersion(value) || (Array.isArray(value) && value.every(isVersion)),
);
const path = mustBe('a path', (value) => typeof value === 'string');

export const routeChecks = {
  path,
  route: path,
  version,
  guards: classesOrObjects,
  decorators: functions,
  imports: array,
};

/** @throws InvalidOptionsError for an option that is unknown or wrong */
export function resolveDashboardOptions(options: StreamingDashboardOptions): ResolvedDashboardOptions {
  checkOptions(where, options, { ...routeChecks, access: func, redact: func, by: func });
  const { route, guards = [], access, redact, by } = options;
  if (route !== undefined && options.path !== undefined) {
    throw new InvalidOptionsError(
      `Wrong option "route" in ${where}: it is the same as "path"; give one of them`,
    );
  }
  return { path: pathOf(options), guards, access, redact, by };
}

/** What is wrong counts as not given: the check of all options follows, and names it. */
export function pathOf({ path: given, route = given }: StreamingDashboardOptions): string {
  return typeof route === 'string' ? route : DEFAULT_PATH;
}

/** Whether anybody is kept out. */
export function isOpenToAll({ guards, access }: ResolvedDashboardOptions): boolean {
  return guards.length === 0 && access === undefined;
}

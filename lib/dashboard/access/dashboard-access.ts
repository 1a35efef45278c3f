import { ForbiddenException, Inject, Injectable, Logger } from '@nestjs/common';
import { quoted } from '../../cancellation/read-error.js';
import { describeErrorInLine, headOf } from '../../run/describe-error.js';
import { TaskNotFoundError } from '../../task/errors.js';
import type { EventTask } from '../../task/on-task-event.decorator.js';
import type { TaskEvent } from '../../task/task-event.js';
import { taskPath, type TaskTypeRef } from '../../task/task-ref.js';
import {
  DASHBOARD_OPTIONS,
  type DashboardAction,
  type DashboardSnapshot,
  type ResolvedDashboardOptions,
} from '../streaming-dashboard.options.js';
import { nameOfAsker } from './name-of-asker.js';

/** What is decided about. */
export interface DecisionSubject {
  readonly task?: EventTask;
  readonly type?: TaskTypeRef;
}

/** Who may do what, who asks, and what is shown. */
@Injectable()
export class DashboardAccess {
  readonly #logger = new Logger('StreamingDashboard');
  /** A fault of a function among the options comes with each row: each is told of once. */
  readonly #told = new Set<string>();

  constructor(@Inject(DASHBOARD_OPTIONS) private readonly options: ResolvedDashboardOptions) {}

  /** Never rejects, and gives a promise only where `access` does. */
  allows(
    action: DashboardAction,
    request: object,
    subject: DecisionSubject = {},
  ): boolean | Promise<boolean> {
    const { access } = this.options;
    if (!access) return true;
    try {
      const answer: unknown = access({ action, ...subject, request: request as never });
      if (typeof answer === 'boolean') return answer;
      return Promise.resolve(answer).then(
        (value) => value === true,
        (error: unknown) => this.#refuse(error),
      );
    } catch (error) {
      return this.#refuse(error);
    }
  }

  /** @throws ForbiddenException */
  async check(action: DashboardAction, request: object, subject: DecisionSubject = {}): Promise<void> {
    if (await this.allows(action, request, subject)) return;
    this.#refused(action, request, subject);
    throw new ForbiddenException({ statusCode: 403, code: 'FORBIDDEN', message: 'This is not allowed' });
  }

  /**
   * A task that somebody may not see is none for them.
   *
   * @throws TaskNotFoundError
   */
  async checkSeen(task: EventTask, request: object): Promise<void> {
    if (await this.allows('view', request, { task })) return;
    this.#refused('view', request, { task });
    throw new TaskNotFoundError(task);
  }

  #refused(action: DashboardAction, request: object, { task, type }: DecisionSubject): void {
    const ref = task ?? type;
    this.#logger.warn(`Refused: ${action}${ref ? ` ${pathOf(ref)}` : ''}, by ${this.askerOf(request)}`);
  }

  /** Each action is logged with who asked. */
  log(action: DashboardAction, what: string, request: object): void {
    this.#logger.log(`${action} ${what}, by ${this.askerOf(request)}`);
  }

  /** What went wrong in what somebody asked for. */
  failed(what: string, error: unknown): void {
    this.#logger.error(`${what} failed: ${headOf(error)}`);
  }

  /** On one line, for the log. */
  askerOf(request: object): string {
    return quoted(this.by(request) ?? 'somebody unknown', 200);
  }

  by(request: object): string | undefined {
    const { by } = this.options;
    if (!by) return nameOfAsker(request);
    try {
      const given: unknown = by(request as never);
      if (typeof given === 'string' && given !== '') return given;
    } catch (error) {
      this.#tell('by', error);
    }
    return undefined;
  }

  /** `undefined` where nothing of it may be shown. */
  shown<Shown extends TaskEvent | DashboardSnapshot>(what: Shown): Shown | undefined {
    const { redact } = this.options;
    if (!redact) return what;
    try {
      const shown: unknown = redact(what);
      if (typeof shown === 'object' && shown !== null && !('then' in shown)) return shown as Shown;
      this.#tell('redact', new Error('It gave no event or snapshot'));
      if (shown instanceof Promise) shown.catch(() => {});
    } catch (error) {
      this.#tell('redact', error);
    }
    return undefined;
  }

  #refuse(error: unknown): false {
    this.#tell('access', error);
    return false;
  }

  #tell(option: string, error: unknown): void {
    if (this.#told.has(option)) return;
    this.#told.add(option);
    const text = describeErrorInLine(error);
    this.#logger.error(`The option "${option}" of the dashboard failed, and may again: ${text}`);
  }
}

function pathOf(ref: EventTask | TaskTypeRef): string {
  return 'id' in ref ? taskPath(ref) : `${ref.app}/${ref.name}`;
}

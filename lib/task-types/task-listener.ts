import { checkOptions } from '../task/options/check-options.js';
import { InvalidOptionsError } from '../task/errors.js';
import type { EventTask, OnTaskEventOptions, TaskListenerMetadata } from '../task/on-task-event.decorator.js';
import { isLoggedEventType, type TaskEvent } from '../task/task-event.js';
import { taskName } from '../task/options/task-option-checks.js';
import type { TaskTypeRef } from '../task/task-ref.js';

/** A method with `@OnTaskEvent()`, of one instance. */
export class TaskListener {
  readonly #method: string | symbol;
  readonly #types: ReadonlySet<string> | undefined;
  /** The task types that it names, where it names any. */
  readonly filter: OnTaskEventOptions;

  /** @param className for messages, as that of an InvalidOptionsError for what the decorator was given */
  constructor(
    private readonly instance: object,
    { method, types, options }: TaskListenerMetadata,
    readonly className: string,
  ) {
    this.#method = method;
    const where = `@OnTaskEvent() of ${this.name}`;
    checkOptions(where, options, { app: taskName, name: taskName });
    this.filter = options as OnTaskEventOptions;
    this.#types = readTypes(where, types);
  }

  /** As in `AuditService.record()`. */
  get name(): string {
    return `${this.className}.${String(this.#method)}()`;
  }

  get isFiltered(): boolean {
    return this.filter.app !== undefined || this.filter.name !== undefined;
  }

  hears({ app, name }: TaskTypeRef): boolean {
    return (this.filter.app ?? app) === app && (this.filter.name ?? name) === name;
  }

  wants(type: string): boolean {
    return this.#types?.has(type) ?? true;
  }

  call(event: TaskEvent, task: EventTask): unknown {
    const { [this.#method]: method } = this.instance as Record<string | symbol, unknown>;
    return (method as (event: TaskEvent, task: EventTask) => unknown).call(this.instance, event, task);
  }
}

function readTypes(where: string, given: unknown): ReadonlySet<string> | undefined {
  if (given === undefined) return undefined;
  const types: readonly unknown[] = Array.isArray(given) ? given : [given];
  const wrong = types.find((type) => !isLoggedEventType(type));
  if (types.length > 0 && wrong === undefined) return new Set(types as readonly string[]);
  const got = types.length > 0 ? JSON.stringify(wrong) : 'none';
  throw new InvalidOptionsError(
    `Wrong event type in ${where}: expected the type of an event in a task's log, or several, got ${got}`,
  );
}

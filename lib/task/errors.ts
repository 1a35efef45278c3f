import { type CancelledError, StreamingError } from '../cancellation/errors.js';
import { readProperty } from '../cancellation/read-error.js';
import type { TimeoutOf } from '../cancellation/cancel-reason.js';
import type { TaskRef } from './task-ref.js';

/**
 * An option is unknown or wrong: of the module or a task type, and then the application does not start, or of one call.
 *
 * @publicApi
 */
export class InvalidOptionsError extends StreamingError {
  override readonly name = 'InvalidOptionsError';
  readonly code = 'INVALID_OPTIONS';
}

/**
 * A class decorated with `@StreamTask()` cannot be run as one.
 *
 * @publicApi
 */
export class InvalidTaskTypeError extends StreamingError {
  override readonly name = 'InvalidTaskTypeError';
  readonly code = 'INVALID_TASK_TYPE';
}

/**
 * Two task types cannot be told apart.
 *
 * @publicApi
 */
export class TaskTypeConflictError extends StreamingError {
  override readonly name = 'TaskTypeConflictError';
  readonly code = 'TASK_TYPE_CONFLICT';
}

/**
 * No provider of the application is this task type.
 *
 * @publicApi
 */
export class TaskTypeNotFoundError extends StreamingError {
  override readonly name = 'TaskTypeNotFoundError';
  readonly code = 'TASK_TYPE_NOT_FOUND';

  constructor(what: string) {
    super(
      `There is no task type ${what}: decorate the class with @StreamTask() and list it in a module's providers; types are known once the application is initialised`,
    );
  }
}

/**
 * A part of a task's reference is malformed.
 *
 * @publicApi
 */
export class InvalidTaskIdError extends StreamingError {
  override readonly name = 'InvalidTaskIdError';
  readonly code = 'INVALID_TASK_ID';

  constructor(part: 'app' | 'name' | 'id', value: unknown, longest: number) {
    const shown = typeof value === 'string' ? JSON.stringify(value.slice(0, 128)) : typeof value;
    super(
      `Invalid task ${part} ${shown}: use 1 to ${longest} of A-Z a-z 0-9 . _ ~ - and neither "." nor ".."`,
    );
  }
}

/**
 * One thing that is wrong with an input.
 *
 * @publicApi
 */
export interface InputIssue {
  readonly message: string;
  /** Where in the input, outermost first; empty for the input as a whole. */
  readonly path: readonly (string | number)[];
}

/**
 * The input of a task did not pass its schema. Nothing was started.
 *
 * @publicApi
 */
export class InvalidInputError extends StreamingError {
  override readonly name = 'InvalidInputError';
  readonly code = 'INVALID_INPUT';
  readonly issues: readonly InputIssue[];

  constructor(message: string, issues: readonly InputIssue[] = [], options?: ErrorOptions) {
    super(message, options);
    this.issues = issues;
  }
}

/** For an input that its task type does not take: the message shows the first issue. */
export function invalidInput(
  where: string,
  issues: readonly InputIssue[],
  options?: ErrorOptions,
): InvalidInputError {
  const [first] = issues;
  const at = first && first.path.length > 0 ? ` at "${first.path.join('.')}"` : '';
  const message = `Invalid input for ${where}${at}: ${first?.message ?? 'refused'}`;
  return new InvalidInputError(message, issues, options);
}

/**
 * As many tasks of this type wait for a free place as may wait.
 *
 * @publicApi
 */
export class TooManyTasksError extends StreamingError {
  override readonly name = 'TooManyTasksError';
  readonly code = 'TOO_MANY_TASKS';

  constructor(app: string, name: string, maxPending: number) {
    super(
      `${maxPending} tasks of ${app}/${name} wait already; try again later, or raise maxPending or concurrency`,
    );
  }
}

/**
 * The application is closing; nothing is started any more.
 *
 * @publicApi
 */
export class ShuttingDownError extends StreamingError {
  override readonly name = 'ShuttingDownError';
  readonly code = 'SHUTTING_DOWN';

  constructor() {
    super('The application is shutting down; start the task again on the next instance');
  }
}

/**
 * There is no such task: it was never started here, or is no longer kept.
 *
 * @publicApi
 */
export class TaskNotFoundError extends StreamingError {
  override readonly name = 'TaskNotFoundError';
  readonly code = 'TASK_NOT_FOUND';

  constructor({ app, name, id }: TaskRef) {
    super(`There is no task ${app}/${name}/${id}: it was never started, or is no longer kept`);
  }
}

/**
 * A parameter of a query, or the cursor of a `TaskFilter`, is malformed.
 *
 * @publicApi
 */
export class InvalidQueryError extends StreamingError {
  override readonly name = 'InvalidQueryError';
  readonly code = 'INVALID_QUERY';
}

/**
 * An event's type is malformed or reserved, or its data cannot be sent.
 *
 * @publicApi
 */
export class InvalidEventError extends StreamingError {
  override readonly name = 'InvalidEventError';
  readonly code = 'INVALID_EVENT';
}

/**
 * More signals wait for the handler than are kept for it.
 *
 * @publicApi
 */
export class TooManySignalsError extends StreamingError {
  override readonly name = 'TooManySignalsError';
  readonly code = 'TOO_MANY_SIGNALS';
}

/**
 * Something was asked of a task that is over.
 *
 * @publicApi
 */
export class TaskEndedError extends StreamingError {
  override readonly name = 'TaskEndedError';
  readonly code = 'TASK_ENDED';
}

/** What a task did not do within the limit. */
const MISSED: Record<TimeoutOf, string> = {
  total: 'did not end',
  idle: 'sent no event',
  pending: 'got no free place',
  scope: 'did not end',
};

/**
 * A task passed one of its time limits. It is no kind of `CancelledError`.
 *
 * @publicApi
 */
export class TaskTimeoutError extends Error {
  override readonly name = 'TaskTimeoutError';
  readonly code = 'TASK_TIMEOUT';
  /** Which limit. */
  readonly of: TimeoutOf;
  /** The limit, in milliseconds. */
  readonly timeout: number;
  override readonly cause: CancelledError | undefined;

  constructor(of: TimeoutOf, timeout: number, cause?: CancelledError) {
    super(`The task ${MISSED[of]} within ${timeout} ms`);
    this.of = of;
    this.timeout = timeout;
    this.cause = cause;
  }
}

/**
 * What a handler returned cannot be sent: JSON cannot hold it, or it is over `maxEventBytes`. The task is `failed`.
 *
 * @publicApi
 */
export class InvalidResultError extends StreamingError {
  override readonly name = 'InvalidResultError';
  readonly code = 'INVALID_RESULT';
}

/**
 * The reducer of a task has thrown, or gave a state that cannot be kept: JSON cannot hold it, or it is over `maxEventBytes`. The task is
 * `failed`, and is not tried again.
 *
 * @publicApi
 */
export class InvalidStateError extends StreamingError {
  override readonly name = 'InvalidStateError';
  readonly code = 'INVALID_STATE';
  readonly retryable = false;
}

/**
 * Stands for what a handler threw that is no Error; the value itself is the `cause`.
 *
 * @publicApi
 */
export class ThrownValueError extends StreamingError {
  override readonly name = 'ThrownValueError';
  readonly code = 'THROWN_VALUE';
  override readonly expose = false;
  /** `false` where the value says so: it is not tried again. */
  declare readonly retryable?: false;

  constructor(key: string, value: unknown) {
    super(`Task ${key} threw ${describeValue(value)} where an Error was expected`, { cause: value });
    if (readProperty(value, 'retryable') === false) this.retryable = false;
  }
}

function describeValue(value: unknown): string {
  if (value === undefined || value === null) return String(value);
  return typeof value === 'string'
    ? `the string ${JSON.stringify(value.slice(0, 200))}`
    : `a value of type ${typeof value}`;
}

/**
 * The application closed while the body of `task.commit()` was running, and the body did not end within the grace. It may
 * have taken effect or not.
 *
 * @publicApi
 */
export class CommitAbandonedError extends StreamingError {
  override readonly name = 'CommitAbandonedError';
  readonly code = 'COMMIT_ABANDONED';

  constructor(key: string) {
    super(`Task ${key} was past its point of no return when the application closed, and did not end in time`);
  }
}

/**
 * Stands for the error of a handler whose error itself is not here: that of a task that ended a while ago, and of
 * which no handle was kept, or of one that ran on another instance.
 *
 * @publicApi
 */
export class TaskFailedError extends StreamingError {
  override readonly name = 'TaskFailedError';
  readonly code = 'TASK_FAILED';
  override readonly expose = false;
  /** The name of the handler's error. */
  readonly errorType: string;

  /**
   * @param message that of the handler's error
   */
  constructor(message: string, errorType: string) {
    super(message);
    this.errorType = errorType;
  }
}

/**
 * The store that all instances of the application share did not answer in time. What was asked of it may have been done.
 * Also thrown when the application starts and the store cannot be used.
 *
 * @publicApi
 */
export class StoreUnavailableError extends StreamingError {
  override readonly name = 'StoreUnavailableError';
  readonly code = 'STORE_UNAVAILABLE';
}

/**
 * An event cannot be kept: the store is away, and what waits for it has reached its limit (`buffer` of `bullmq()`).
 *
 * @publicApi
 */
export class LogUnavailableError extends StreamingError {
  override readonly name = 'LogUnavailableError';
  readonly code = 'LOG_UNAVAILABLE';
}

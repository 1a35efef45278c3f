/**
 * One thing that is wrong with an input, as the server's schema says.
 *
 * @publicApi
 */
export interface InputIssue {
  readonly message: string;
  readonly path?: readonly (string | number)[];
}

/** An error with more than its message. Its subclasses only declare what that is: the client is to be small. */
class ErrorWith<Facts extends object> extends Error {
  constructor(message: string, facts?: Facts) {
    super(message);
    Object.assign(this, facts);
  }
}

/** What a `StreamingRequestError` tells of the answer. */
export type Refusal = Pick<StreamingRequestError, 'url' | 'status' | 'code' | 'issues' | 'retryAfter'>;

/**
 * The server has refused what was asked.
 *
 * @publicApi
 */
export class StreamingRequestError extends ErrorWith<Refusal> {
  override readonly name = 'StreamingRequestError';
  declare readonly url: string;
  /** Of the answer. */
  declare readonly status: number;
  /** The server's `code`: `TASK_NOT_FOUND`, `INVALID_INPUT` … */
  declare readonly code: string | undefined;
  /** With `INVALID_INPUT`: what is wrong with the input. */
  declare readonly issues: readonly InputIssue[] | undefined;
  /** How long the server asks to wait, in milliseconds. */
  declare readonly retryAfter: number;
}

/**
 * No answer came: `cause` is what happened last. A `POST` without an answer may have been carried out.
 *
 * @publicApi
 */
export class StreamingConnectionError extends ErrorWith<{ cause: unknown }> {
  override readonly name = 'StreamingConnectionError';
}

/**
 * The task has failed.
 *
 * @publicApi
 */
export class TaskFailedError extends ErrorWith<{ errorType: string }> {
  override readonly name = 'TaskFailedError';
  declare readonly errorType: string;
}

/**
 * The task was cancelled.
 *
 * @publicApi
 */
export class TaskCancelledError extends ErrorWith<{ reason: string; detail: string | undefined }> {
  override readonly name = 'TaskCancelledError';
  /** `external_cancellation`, `shutdown` … */
  declare readonly reason: string;
  declare readonly detail: string | undefined;
}

/**
 * A time limit of the task has passed.
 *
 * @publicApi
 */
export class TaskTimeoutError extends ErrorWith<{ of: string; timeout: number }> {
  override readonly name = 'TaskTimeoutError';
  /** Which limit: `total`, `idle` or `pending`. */
  declare readonly of: string;
  /** The limit in milliseconds. */
  declare readonly timeout: number;
}

/**
 * The server does not know the task: it never was, it is no longer kept, or the server was restarted.
 *
 * @publicApi
 */
export class TaskGoneError extends ErrorWith<{ id: string }> {
  override readonly name = 'TaskGoneError';
  declare readonly id: string;
}

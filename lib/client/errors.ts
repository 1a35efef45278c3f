/**
 * One thing that is wrong with an input, as the server's schema says.
 *
 * @publicApi
 */
export interface InputIssue {
  readonly message: string;
  readonly path?: readonly (string | number)[];
}

/** What of an answer an error tells. */
export interface RefusedAnswer {
  readonly url: string;
  readonly status: number;
  readonly code: string | undefined;
  readonly issues: readonly InputIssue[] | undefined;
  /** In milliseconds; 0 where the server asks for no delay. */
  readonly retryAfter: number;
}

/**
 * The server has refused what was asked.
 *
 * @publicApi
 */
export class StreamingRequestError extends Error {
  override readonly name = 'StreamingRequestError';
  readonly url: string;
  /** Of the answer. */
  readonly status: number;
  /** The server's `code`: `TASK_NOT_FOUND`, `INVALID_INPUT` … */
  readonly code: string | undefined;
  /** With `INVALID_INPUT`: what is wrong with the input. */
  readonly issues: readonly InputIssue[] | undefined;
  /** How long the server asks to wait, in milliseconds. */
  readonly retryAfter: number;

  constructor(message: string, { url, status, code, issues, retryAfter }: RefusedAnswer) {
    super(message);
    this.url = url;
    this.status = status;
    this.code = code;
    this.issues = issues;
    this.retryAfter = retryAfter;
  }
}

/**
 * No answer came: `cause` is what happened last. A `POST` without an answer may have been carried out.
 *
 * @publicApi
 */
export class StreamingConnectionError extends Error {
  override readonly name = 'StreamingConnectionError';
}

/**
 * The task has failed.
 *
 * @publicApi
 */
export class TaskFailedError extends Error {
  override readonly name = 'TaskFailedError';

  constructor(
    message: string,
    readonly errorType: string,
  ) {
    super(message);
  }
}

/**
 * The task was cancelled.
 *
 * @publicApi
 */
export class TaskCancelledError extends Error {
  override readonly name = 'TaskCancelledError';

  constructor(
    /** `external_cancellation`, `shutdown` … */
    readonly reason: string,
    readonly detail: string | undefined,
  ) {
    super(`The task was cancelled: ${detail ?? reason}`);
  }
}

/**
 * A time limit of the task has passed.
 *
 * @publicApi
 */
export class TaskTimeoutError extends Error {
  override readonly name = 'TaskTimeoutError';

  constructor(
    /** Which limit: `total`, `idle` or `pending`. */
    readonly of: string,
    /** The limit in milliseconds. */
    readonly timeout: number,
  ) {
    super(`The task timed out (${of}, ${timeout} ms)`);
  }
}

/**
 * The server does not know the task: it never was, it is no longer kept, or the server was restarted.
 *
 * @publicApi
 */
export class TaskGoneError extends Error {
  override readonly name = 'TaskGoneError';

  constructor(readonly id: string) {
    super(`The server does not know the task "${id}"`);
  }
}

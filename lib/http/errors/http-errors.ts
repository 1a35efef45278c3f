import { STATUS_CODES } from 'node:http';
import { HttpException } from '@nestjs/common';
import { InvalidInputError, TaskNotFoundError, TaskTypeNotFoundError } from '../../task/errors.js';
import { StreamingError } from '../../cancellation/errors.js';
import { type TaskRef, taskPath, type TaskTypeRef } from '../../task/task-ref.js';
import { answeredIssues, shortenText } from './answered-issues.js';
import { isHttp1, type PlatformResponse, rawResponse } from '../request/http-exchange.js';

/** Seconds after which a client may try again. */
const RETRY_AFTER = 5;

/** Each code with its status. A code that is not here is the server's own fault, a 500. */
const STATUSES: Readonly<Record<string, number>> = {
  INVALID_TASK_ID: 400,
  INVALID_INPUT: 400,
  INVALID_EVENT: 400,
  INVALID_QUERY: 400,
  FORBIDDEN: 403,
  TASK_NOT_FOUND: 404,
  TASK_ENDED: 409,
  UNSUPPORTED_MEDIA_TYPE: 415,
  TOO_MANY_TASKS: 429,
  TOO_MANY_SIGNALS: 429,
  TOO_MANY_STREAMS: 503,
  SHUTTING_DOWN: 503,
  STORE_UNAVAILABLE: 503,
};

export function statusOf(code: string): number {
  return STATUSES[code] ?? 500;
}

/** An error answer, in the form of Nest's own error bodies and with a `code`. */
export class StreamingHttpException extends HttpException {
  readonly code: string;

  constructor(code: string, message: string, details: object = {}, options?: { cause: unknown }) {
    const statusCode = statusOf(code);
    super({ statusCode, code, message, error: STATUS_CODES[statusCode], ...details }, statusCode, options);
    this.code = code;
  }
}

/** Whether trying again later may help. */
export function isTemporary(status: number): boolean {
  return status === 429 || status === 503;
}

/** A type that does not exist has the code of a task that does not. */
export function typeNotFound({ app, name }: TaskTypeRef): StreamingHttpException {
  return new StreamingHttpException('TASK_NOT_FOUND', `There is no task type ${app}/${name}`);
}

export function notFound(ref: TaskRef): StreamingHttpException {
  return new StreamingHttpException('TASK_NOT_FOUND', new TaskNotFoundError(ref).message);
}

export function forbidden(): StreamingHttpException {
  return new StreamingHttpException('FORBIDDEN', 'This is not allowed');
}

export function ended(ref: TaskRef): StreamingHttpException {
  return new StreamingHttpException('TASK_ENDED', `The task ${taskPath(ref)} is over`);
}

/** The task runs, but its outcome is decided, or it has passed its point of no return. */
export function tooLate(ref: TaskRef): StreamingHttpException {
  return new StreamingHttpException(
    'TASK_ENDED',
    `The task ${taskPath(ref)} can no longer be cancelled: it is about to end, or past its task.commit()`,
  );
}

/** The run that the client means has ended, and another run has its id. */
export function anotherRun(ref: TaskRef): StreamingHttpException {
  return new StreamingHttpException(
    'TASK_ENDED',
    `If-Match names another run than the one that is ${taskPath(ref)} now`,
  );
}

/** The errors of this package as HTTP answers. Any other error is returned as it is. */
export function asHttpError(error: unknown): unknown {
  if (error instanceof TaskTypeNotFoundError) {
    // Its own message tells the application what to write where.
    return new StreamingHttpException('TASK_NOT_FOUND', 'There is no such task type', {}, { cause: error });
  }
  if (!(error instanceof StreamingError) || STATUSES[error.code] === undefined) return error;
  const details = error instanceof InvalidInputError ? answeredIssues(error.issues) : {};
  return new StreamingHttpException(error.code, shortenText(error.message), details, { cause: error });
}

/** When a client may come back. */
export function setErrorHeaders(
  response: PlatformResponse,
  error: StreamingHttpException,
  isClosing: boolean,
): void {
  if (!isTemporary(error.getStatus())) return;
  response.header('Retry-After', String(RETRY_AFTER));
  // Kept alive, the connection could hold up the server's close. There is no such header in HTTP/2.
  if (isClosing && isHttp1(rawResponse(response))) response.header('Connection', 'close');
}

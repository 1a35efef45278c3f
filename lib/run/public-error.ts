import { HttpException } from '@nestjs/common';
import {
  cutText,
  isAggregate,
  isInstance,
  readList,
  readProperty,
  textOf,
} from '../cancellation/read-error.js';
import { ThrownValueError } from '../task/errors.js';
import type { ErrorSummary } from '../task/task-record.js';

/** Longer messages are cut where they are sent: a terminal event must always fit. */
const MAX_MESSAGE_LENGTH = 2_000;
const MAX_NAME_LENGTH = 200;
/** A larger group is not shown. */
const MAX_ERRORS = 10_000;

/** An error, also where something else was thrown. */
export function asError(thrown: unknown, key: string): unknown {
  // By shape: errors of another realm are no instances of this one's Error.
  return readProperty(thrown, 'message') === undefined ? new ThrownValueError(key, thrown) : thrown;
}

/** What watchers see of an error: its message if that was written for them, otherwise nothing that could reveal a secret. */
export function publicError(error: unknown): ErrorSummary {
  const shown = shownOf(error);
  return shown ? fullError(shown.error) : { message: 'Internal error', errorType: 'Error' };
}

/** What is shown of an error: of a group whose errors may all be shown, the first. */
function shownOf(error: unknown): { readonly error: unknown } | undefined {
  if (isExposed(error)) return { error };
  if (!isAggregate(error)) return undefined;
  const errors = readList(readProperty(error, 'errors'), MAX_ERRORS + 1) ?? [];
  if (errors.length === 0 || errors.length > MAX_ERRORS) return undefined;
  return errors.every(isExposed) ? { error: errors[0] } : undefined;
}

/** What the application itself sees. */
export function fullError(error: unknown): ErrorSummary {
  const name = readProperty(error, 'name');
  return {
    message: cutText(textOf(readProperty(error, 'message')), MAX_MESSAGE_LENGTH),
    errorType: typeof name === 'string' && name !== '' ? cutText(name, MAX_NAME_LENGTH) : 'Error',
  };
}

/** Whether an error was written for watchers. Such an error reveals no secret. */
export function isExposed(error: unknown): boolean {
  return readProperty(error, 'expose') === true || isInstance(error, HttpException);
}

/** Whether watchers see its message, or one of the errors that it holds. */
export function isShown(error: unknown): boolean {
  return shownOf(error) !== undefined;
}

import { HttpException } from '@nestjs/common';

/** What may be told of an error. */
export interface ErrorSummary {
  readonly message: string;
  readonly errorType: string;
}

/** Longer messages are cut where they are sent: a terminal event must always fit. */
const longestMessage = 2_000;

/**
 * What watchers see of an error: its message when it was written for them (an `HttpException`, or marked `expose`),
 * otherwise nothing that could tell a secret.
 */
export function publicError(error: unknown): ErrorSummary {
  return isExposed(error) ? fullError(error) : { message: 'Internal error', errorType: 'Error' };
}

/** What the application itself sees. */
export function fullError(error: unknown): ErrorSummary {
  const { message, name } = error as { message?: unknown; name?: unknown };
  return {
    message: String(message).slice(0, longestMessage),
    errorType: typeof name === 'string' && name !== '' ? name : 'Error',
  };
}

/** Whether an error was written for whoever watches: it tells no secret, and nobody has to be told of it twice. */
export function isExposed(error: unknown): boolean {
  return error instanceof HttpException || (error as { expose?: unknown }).expose === true;
}

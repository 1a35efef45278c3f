import { type InputIssue, StreamingRequestError } from '../client/index.js';

/** The command line is wrong. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The server has not answered for too long. */
export class UnreachableError extends Error {
  override readonly name = 'UnreachableError';
}

/** The server does not start the task. */
export class StartRefusedError extends Error {
  override readonly name = 'StartRefusedError';
}

/** The server's answer is not what the command needs. */
export class ServerAnswerError extends Error {
  override readonly name = 'ServerAnswerError';
}

/** Whether the server does not know the task that was asked for. */
export function isGone(error: unknown): boolean {
  return error instanceof StreamingRequestError && error.code === 'TASK_NOT_FOUND';
}

/** An error in words, with what is wrong with an input. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { issues = [] } = error as { readonly issues?: readonly InputIssue[] };
  const lines = issues.map(
    ({ path = [], message }) => `  ${path.length > 0 ? `${path.join('.')}: ` : ''}${message}`,
  );
  return [error.message, ...lines].join('\n');
}

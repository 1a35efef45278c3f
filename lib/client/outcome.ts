import type { CancelReason } from '../cancellation/cancel-reason.js';
import type { TaskStatus, TerminalStatus } from '../task/task-status.js';
import { TaskCancelledError, TaskFailedError, TaskGoneError, TaskTimeoutError } from './errors.js';
import type { RunOutcome, WireSnapshot } from './task-types.js';

/** What stands in the data of a terminal event. */
interface TerminalData {
  readonly finalValue: unknown;
  readonly message: string;
  readonly errorType: string;
  readonly reason: string;
  readonly detail: string | undefined;
  readonly of: string;
  readonly timeout: number;
}

/** The status behind an event of this type. Who comes in the middle does not see it start. */
export function statusOf(type: string, known: TaskStatus = 'pending'): TaskStatus {
  if (type === 'cancelling' || isTerminal(type)) return type as TaskStatus;
  return type === 'retrying' || known === 'pending' ? 'running' : known;
}

export function isTerminal(type: string): boolean {
  return /^(completed|failed|cancelled|timeout)$/.test(type);
}

/** What a terminal event says. */
export function outcomeOfEvent(type: string, given: unknown): RunOutcome {
  const { finalValue: value, message, errorType, reason, detail, of, timeout } = given as TerminalData;
  const facts = {
    completed: { value },
    failed: { message, errorType },
    cancelled: { reason, detail },
    timeout: { of, timeout },
  }[type as TerminalStatus];
  return { status: type, ...facts } as RunOutcome;
}

/** The same of a snapshot; `undefined` of a task that has not ended. */
export function outcomeOfSnapshot(snapshot: WireSnapshot): RunOutcome | undefined {
  const { status, error, cancellation } = snapshot;
  if (!isTerminal(status)) return undefined;
  return outcomeOfEvent(status, {
    ...snapshot,
    ...error,
    ...cancellation,
    ...(cancellation && whyOf(cancellation)),
  });
}

/** The same of what a snapshot says of a cancellation, and an event. */
export function whyOf({ kind, detail }: CancelReason): Pick<TerminalData, 'reason' | 'detail'> {
  return { reason: kind.replace(/^(external|self)$/, '$1_cancellation'), detail };
}

/** The value of a task that has completed. The errors have what the outcome has. */
export function valueOf<Result>(outcome: RunOutcome<Result>, id: string): Result {
  const what = `Task "${id}"`;
  switch (outcome.status) {
    case 'completed':
      return outcome.value;
    case 'failed':
      throw new TaskFailedError(outcome.message, outcome);
    case 'cancelled':
      throw new TaskCancelledError(`${what} was cancelled: ${outcome.detail ?? outcome.reason}`, outcome);
    case 'timeout':
      throw new TaskTimeoutError(`${what} timed out`, outcome);
    case 'gone':
      throw new TaskGoneError(`${what} is unknown to the server`, { id });
  }
}

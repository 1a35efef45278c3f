import type { TaskStatus } from '../task/task-status.js';
import { TaskCancelledError, TaskFailedError, TaskGoneError, TaskTimeoutError } from './errors.js';
import type { RunOutcome, WireSnapshot } from './task-types.js';

/** What stands in the data of a terminal event. */
interface TerminalData {
  readonly finalValue: unknown;
  readonly message: string;
  readonly errorType: string;
  readonly reason: string;
  readonly detail?: string;
  readonly of: string;
  readonly timeout: number;
}

/** The status that an event of this type tells; `undefined` for an event that tells none. */
export function statusOf(type: string): TaskStatus | undefined {
  if (type === 'started' || type === 'retrying') return 'running';
  return type === 'cancelling' || isTerminal(type) ? (type as TaskStatus) : undefined;
}

export function isTerminal(type: string): boolean {
  return /^(?:completed|failed|cancelled|timeout)$/.test(type);
}

/** What a terminal event says. */
export function outcomeOfEvent(type: string, given: unknown): RunOutcome {
  const { finalValue, message, errorType, reason, detail, of, timeout } = given as TerminalData;
  if (type === 'completed') return { status: type, value: finalValue };
  if (type === 'failed') return { status: type, message, errorType };
  if (type === 'timeout') return { status: type, of, timeout };
  return { status: 'cancelled', reason, ...(detail !== undefined && { detail }) };
}

/** The same of a snapshot; `undefined` of a task that has not ended. */
export function outcomeOfSnapshot(snapshot: WireSnapshot): RunOutcome | undefined {
  const { status, finalValue, error, cancellation } = snapshot;
  if (!isTerminal(status)) return undefined;
  const { kind = '' } = cancellation ?? {};
  const reason = kind === 'external' || kind === 'self' ? `${kind}_cancellation` : kind;
  return outcomeOfEvent(status, { finalValue, ...error, ...cancellation, reason });
}

/** The value of a task that has completed. */
export function valueOf<Result>(outcome: RunOutcome<Result>, id: string): Result {
  switch (outcome.status) {
    case 'completed':
      return outcome.value;
    case 'failed':
      throw new TaskFailedError(outcome.message, outcome.errorType);
    case 'cancelled':
      throw new TaskCancelledError(outcome.reason, outcome.detail);
    case 'timeout':
      throw new TaskTimeoutError(outcome.of, outcome.timeout);
    case 'gone':
      throw new TaskGoneError(id);
  }
}

import { isWithdrawable, type CancelReason } from '../../cancellation/cancel-reason.js';
import { CancelledError } from '../../cancellation/errors.js';
import { isInstance } from '../../cancellation/read-error.js';
import { clock } from '../../cancellation/time/clock.js';
import { CommitAbandonedError, InvalidResultError, TaskTimeoutError } from '../../task/errors.js';
import type { TaskOutcome } from '../../task/task-outcome.js';
import { type NotJsonError, toWholeJson } from '../../task/json/whole-json.js';
import type { TerminalStatus } from '../../task/task-status.js';
import type { CancelRequests } from '../cancel/cancel-requests.js';
import { asError } from '../public-error.js';
import type { TaskRun } from '../task-run.js';

/** What became of a try. */
export type Settlement =
  | { readonly kind: 'returned'; readonly value: unknown }
  | { readonly kind: 'threw'; readonly error: unknown }
  /** It was still running when its grace ended. */
  | { readonly kind: 'abandoned' }
  /** It never began, or was over already: cancelled while the task waited for a place or for the next try. */
  | { readonly kind: 'idle' };

/** What the decision depends on besides the settlement. */
interface DecisionContext {
  readonly key: string;
  readonly requests: Pick<CancelRequests, 'standing' | 'causeOf'>;
  /** The error of the scope's cancellation, when a request stands. */
  readonly interruption: CancelledError | undefined;
  readonly swallowedCancel: 'cancelled' | 'completed';
  readonly maxEventBytes: number;
  /** Why the task fails, whatever became of the try. */
  readonly failure: Error | undefined;
  isOwnCancellation(error: unknown): boolean;
}

/** How a try ends, before its cleanup has had a say. */
export interface Decision {
  readonly status: TerminalStatus;
  /** The result of a completed try, as one line of JSON. */
  readonly json?: string;
  readonly error?: unknown;
  readonly reason?: CancelReason;
  readonly cancellation?: CancelledError;
  /** The cancellation of a try that completes all the same: it stands beside an error of its cleanup. */
  readonly overlooked?: CancelledError;
  readonly swallowed?: boolean;
  readonly discardedValue?: unknown;
  /** What its handler threw, where the task fails for another reason. It is seen nowhere else. */
  readonly discardedError?: unknown;
  readonly abandoned?: boolean;
}

/** The rules of what a try ends as. They are pure: the caller must act on the answer once. */
export function decideOutcome(settlement: Settlement, context: DecisionContext): Decision {
  const { standing } = context.requests;
  const reason = standing[0];
  if (context.failure) return failed(settlement, context.failure, reason, context);
  switch (settlement.kind) {
    case 'threw':
      if (!reason) return { status: 'failed', error: asError(settlement.error, context.key) };
      if (context.isOwnCancellation(settlement.error)) return cancelled(reason, context);
      return {
        status: 'failed',
        error: asError(settlement.error, context.key),
        reason,
        cancellation: cancellationError(reason, context),
      };
    case 'returned':
      if (!reason) return completed(settlement.value, context);
      if (context.swallowedCancel === 'completed' && standing.every(isWithdrawable)) {
        const decision = completed(settlement.value, context);
        const cancellation = cancellationError(reason, context);
        const beside = decision.status === 'failed' ? { cancellation } : { overlooked: cancellation };
        return { ...decision, ...beside, reason, swallowed: true };
      }
      return { ...cancelled(reason, context), swallowed: true, discardedValue: settlement.value };
    case 'abandoned':
      if (!reason) return { status: 'failed', error: new CommitAbandonedError(context.key), abandoned: true };
      return { ...cancelled(reason, context), abandoned: true };
    case 'idle':
      return cancelled(reason as CancelReason, context);
  }
}

function failed(
  settlement: Settlement,
  error: Error,
  reason: CancelReason | undefined,
  context: DecisionContext,
): Decision {
  return {
    status: 'failed',
    error,
    ...(reason && { reason, cancellation: cancellationError(reason, context) }),
    ...(settlement.kind === 'abandoned' && { abandoned: true }),
    ...(settlement.kind === 'returned' && { discardedValue: settlement.value }),
    ...(settlement.kind === 'threw' &&
      settlement.error !== error &&
      !context.isOwnCancellation(settlement.error) && { discardedError: settlement.error }),
  };
}

/**
 * What a decision was made of, to decide again.
 *
 * @param isBetweenTries whether another try was to follow
 */
export function settlementOf(decision: Decision, isBetweenTries: boolean): Settlement {
  const { status, json, error, abandoned } = decision;
  if (abandoned) return { kind: 'abandoned' };
  if (isBetweenTries) return { kind: 'idle' };
  if (json !== undefined) return { kind: 'returned', value: JSON.parse(json) as unknown };
  if ('discardedValue' in decision) return { kind: 'returned', value: decision.discardedValue };
  return status === 'failed' ? { kind: 'threw', error } : { kind: 'idle' };
}

function completed(value: unknown, { key, maxEventBytes }: DecisionContext): Decision {
  let json: string;
  try {
    json = toWholeJson(value);
  } catch (cause) {
    return {
      status: 'failed',
      error: new InvalidResultError(
        `The result of ${key} is nothing JSON can hold: ${(cause as NotJsonError).description}`,
        {
          cause,
        },
      ),
      discardedValue: value,
    };
  }
  const bytes = Buffer.byteLength(json);
  if (bytes <= maxEventBytes) return { status: 'completed', json };
  const error = new InvalidResultError(
    `The result of ${key} has ${bytes} bytes, more than the ${maxEventBytes} of maxEventBytes; store it and return where`,
  );
  return { status: 'failed', error, discardedValue: value };
}

function cancelled(reason: CancelReason, context: DecisionContext): Decision {
  const cancellation = cancellationError(reason, context);
  if (reason.kind !== 'timeout') return { status: 'cancelled', error: cancellation, reason };
  const { of = 'total', timeout = 0 } = reason;
  return { status: 'timeout', error: new TaskTimeoutError(of, timeout, cancellation), reason };
}

/** That of the signal, unless there is none: it was cancelled before its handler began, or between two tries. */
function cancellationError(
  reason: CancelReason,
  { interruption, requests }: DecisionContext,
): CancelledError {
  if (interruption?.reason === reason) return interruption;
  return new CancelledError(reason, { cause: requests.causeOf(reason) });
}

/** What a decision becomes when the task fails besides. */
export function addFailure(key: string, decision: Decision, failure: Error | undefined): Decision {
  if (!failure || decision.error === failure) return decision;
  return addCleanupErrors(key, decision, [failure]);
}

/** What a decision becomes when cleanup fails: the errors win over everything else. */
export function addCleanupErrors(key: string, decision: Decision, thrown: readonly unknown[]): Decision {
  if (thrown.length === 0) return decision;
  const errors = thrown.map((each) => asError(each, key));
  const { status, json, error, reason, cancellation, overlooked, ...rest } = decision;
  const all = status === 'failed' ? [error, ...errors] : errors;
  const beside = cancellation ?? overlooked ?? (isInstance(error, TaskTimeoutError) ? error.cause : error);
  return {
    ...rest,
    status: 'failed',
    error: all.length === 1 ? all[0] : new AggregateError(all, `The cleanup of ${key} failed`),
    ...(reason && { reason }),
    ...(isInstance(beside, CancelledError) && { cancellation: beside }),
    ...(json !== undefined && { discardedValue: JSON.parse(json) as unknown }),
  };
}

/** What an outcome holds besides the decision. */
type RunFacts = Pick<TaskRun, 'requests' | 'calledAt'>;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** A decision, as those who wait for the run see it. */
export function outcomeOf(
  decision: Decision,
  { requests: { all: requests }, calledAt }: RunFacts,
): TaskOutcome {
  const { status, json, error, reason, cancellation, swallowed = false, abandoned = false } = decision;
  const started = calledAt !== undefined;
  const durationMs = started ? clock().now() - calledAt : 0;
  // Field by field: every run pays for this, and spreads were a seventh of a short one.
  const outcome: Mutable<TaskOutcome> = { status, requests, started, swallowed, abandoned, durationMs };
  if (json !== undefined) outcome.value = JSON.parse(json) as unknown;
  if (status !== 'completed') outcome.error = error;
  if (reason) outcome.reason = reason;
  if (cancellation) outcome.cancellation = cancellation;
  if ('discardedValue' in decision) outcome.discardedValue = decision.discardedValue;
  return outcome;
}

import { clock } from '../../cancellation/time/clock.js';
import type { TaskOutcome } from '../../task/task-outcome.js';
import type { TaskRun } from '../task-run.js';
import type { Decision } from './decide-outcome.js';

/** What an outcome holds besides the decision. */
export type RunFacts = Pick<TaskRun, 'requests' | 'calledAt'>;

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

import type { PendingTimer } from './test-clock.js';

interface HangState {
  /** What the test waits for. */
  readonly call: string;
  readonly why: string;
  readonly key: string;
  readonly status: string;
  readonly eventTypes: readonly string[];
  /** The names of the signals that the handler waits for. */
  readonly signals: readonly string[];
  readonly now: number;
  readonly timers: readonly PendingTimer[];
}

const MAX_TIMERS = 5;

/**
 * A test waits for something that does not come. The message says what the task waits for, and what to call.
 *
 * @publicApi
 */
export class HarnessHangError extends Error {
  override readonly name = 'HarnessHangError';

  constructor(state: HangState) {
    super(describe(state));
  }
}

function describe(state: HangState): string {
  const { call, why, key, status, eventTypes, signals, now, timers } = state;
  const lines = [
    `${call} would hang: ${why}.`,
    `Task ${key} is ${status}. Events so far: ${eventTypes.join(', ') || 'none'}.`,
    ...signals.map(
      (name) =>
        `It waits in waitForSignal(${JSON.stringify(name)}): call run.signal(${JSON.stringify(name)}, data).`,
    ),
    ...timers.slice(0, MAX_TIMERS).map(({ dueAt, origin }) => {
      const who =
        origin === undefined
          ? 'of the coordinator (a delay, limit, grace, backoff or retention)'
          : `set at ${origin}`;
      return `A timer is due in ${dueAt - now} ms, ${who}.`;
    }),
  ];
  const [next] = timers;
  if (timers.length > MAX_TIMERS) lines.push(`${timers.length - MAX_TIMERS} more timers wait.`);
  if (next)
    lines.push(
      `Time stands still in a test: call run.advance(${next.dueAt - now}) or run.finish().`,
      'Where the handler does real work before a timer, call run.settle() before run.advance().',
    );
  if (signals.length === 0 && !next)
    lines.push('It waits for something of its own that never comes, a promise or an event for example.');
  return lines.join('\n');
}

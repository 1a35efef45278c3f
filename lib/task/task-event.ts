import { quoted } from '../cancellation/read-error.js';
import { InvalidEventError } from './errors.js';
import type { Json } from './json/json.js';
import { type TerminalStatus, terminalStatuses } from './task-status.js';

/**
 * Events that only the coordinator sends.
 *
 * @publicApi
 */
export type LifecycleEventType =
  'started' | 'retrying' | 'cancelling' | 'gap' | 'state' | 'unavailable' | TerminalStatus;

/**
 * One entry of a task's log.
 *
 * @publicApi
 */
export interface TaskEvent<T = Json> {
  /** `<epoch>-<seq>`; opaque: give it back as `after` or `Last-Event-ID` to go on behind it. */
  readonly id: string;
  /** One of {@link LifecycleEventType}, `progress`, or the type given to `sendEvent`. */
  readonly type: string;
  readonly data: T;
  /** When it was sent, in epoch milliseconds. */
  readonly timestamp: number;
}

/**
 * Why a watcher's stream does not go on where the watcher left it.
 *
 * @publicApi
 */
export type GapCause = 'expired' | 'restarted' | 'unknown-id';

/**
 * Why another try follows: the last one failed, its instance was lost, or its instance closed and handed the task over. The latter
 * two happen only where tasks run on many instances.
 *
 * @publicApi
 */
export type RetryCause = 'failed' | 'lost' | 'handover';

/** `open` and `error` are what an EventSource calls the events of its connection. */
const RESERVED: ReadonlySet<string> = new Set([
  'started',
  'retrying',
  'cancelling',
  'gap',
  'state',
  'unavailable',
  ...terminalStatuses,
  'open',
  'error',
]);

const EVENT_TYPE = /^[A-Za-z0-9._:-]{1,64}$/;

function isEventType(value: unknown): value is string {
  return typeof value === 'string' && EVENT_TYPE.test(value);
}

/** These are told to a watcher alone, or belong to the connection: no log has them. */
const UNLOGGED: ReadonlySet<string> = new Set(['gap', 'state', 'unavailable', 'open', 'error']);

export function isLoggedEventType(value: unknown): value is string {
  return isEventType(value) && !UNLOGGED.has(value);
}

/** @throws InvalidEventError for a type that is malformed or reserved for the coordinator */
export function assertEventType(type: unknown): asserts type is string {
  if (!isEventType(type)) {
    throw new InvalidEventError(
      `Invalid event type ${quoted(type)}: use 1 to 64 of A-Z a-z 0-9 . _ : - in sendEvent()`,
    );
  }
  if (RESERVED.has(type)) {
    throw new InvalidEventError(
      `The event type "${type}" is reserved for the coordinator; choose another one in sendEvent()`,
    );
  }
}

/** @throws InvalidEventError for a malformed name; none is reserved */
export function assertSignalName(name: unknown): asserts name is string {
  if (!isEventType(name)) {
    throw new InvalidEventError(`Invalid signal name ${quoted(name)}: use 1 to 64 of A-Z a-z 0-9 . _ : -`);
  }
}

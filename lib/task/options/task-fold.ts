import { InvalidOptionsError } from '../errors.js';
import type { Json } from '../json/json.js';
import { type NotJsonError, toWholeJson } from '../json/whole-json.js';

/**
 * An event, as a reducer gets it.
 *
 * @publicApi
 */
export interface FoldedEvent {
  /** As watchers see it: `started`, `progress`, `completed`, or the type given to `sendEvent`. */
  readonly type: string;
  readonly data: Json;
}

/**
 * Folds the events of a task to one value: its state. A watcher that comes late gets the state, and needs none of the events that led to it.
 *
 * @publicApi
 */
export interface TaskFold<State = unknown> {
  /** The state before the first event. */
  initial: State;
  /**
   * Gives the state behind an event, once for each event of the task, lifecycle events too. It must be pure: the same for the same arguments, and
   * without any other effect. What it gives is JSON of at most `maxEventBytes`. If it throws, the task fails.
   *
   * @param state a copy: it may be changed and returned
   */
  reduce(state: State, event: FoldedEvent): State;
}

/** A fold as tasks are run with it. */
export interface ResolvedFold {
  /** One line of JSON. */
  readonly initial: string;
  reduce(state: unknown, event: FoldedEvent): unknown;
}

/** @throws InvalidOptionsError where a part is missing, or the initial state is none */
export function resolveFold(
  where: string,
  fold: TaskFold | undefined,
  maxEventBytes: number,
): ResolvedFold | undefined {
  if (!fold) return undefined;
  const wrong = (name: string, why: string): InvalidOptionsError =>
    new InvalidOptionsError(`Wrong option "state.${name}" in ${where}: ${why}`);
  const { initial, reduce } = fold as Partial<TaskFold>;
  if (initial === undefined)
    throw wrong('initial', 'expected the state before the first event, got undefined');
  if (reduce === undefined) throw wrong('reduce', 'expected a function, got undefined');
  let json: string;
  try {
    json = toWholeJson(initial);
  } catch (error) {
    throw wrong('initial', (error as NotJsonError).description);
  }
  const bytes = Buffer.byteLength(json);
  if (bytes > maxEventBytes)
    throw wrong('initial', `it has ${bytes} bytes, more than the ${maxEventBytes} of maxEventBytes`);
  return { initial: json, reduce: (state, event) => fold.reduce(state, event) };
}

import { inRootContext } from '../cancellation/async-context.js';
import { isThenable } from '../cancellation/promises.js';
import { InvalidStateError } from '../task/errors.js';
import type { Json } from '../task/json/json.js';
import { type NotJsonError, toWholeJson } from '../task/json/whole-json.js';
import type { FoldedEvent, ResolvedFold } from '../task/options/task-fold.js';

/**
 * What the events of one run are folded to. It is kept as JSON alone: no reducer can change what another task or a watcher sees, and a try on
 * another instance goes on with the same value.
 */
export class StateFold {
  /** Behind the newest event that is not the terminal one. */
  json: string;
  /** Behind the terminal event, once there is one. */
  ended: string | undefined;
  /** Why the task fails. From then on the state stays as it is. */
  failure: InvalidStateError | undefined;

  /** @param json the state so far; `undefined` before the first event */
  constructor(
    private readonly key: string,
    private readonly fold: ResolvedFold,
    private readonly maxBytes: number,
    json: string | null | undefined,
  ) {
    this.json = json ?? fold.initial;
  }

  get newest(): string {
    return this.ended ?? this.json;
  }

  /**
   * The state behind an event that comes next.
   *
   * @param data one line of JSON
   */
  after(type: string, data: string): string | InvalidStateError {
    if (this.failure) return this.json;
    let state: unknown;
    try {
      const event = { type, data: JSON.parse(data) as Json };
      state = inRootContext(reduced, this.fold, JSON.parse(this.json), event);
    } catch (cause) {
      return new InvalidStateError(`The reducer of ${this.key} threw on the event "${type}"`, { cause });
    }
    const what = `The state of ${this.key} behind the event "${type}"`;
    if (state === undefined) return new InvalidStateError(`${what} is undefined: return it from the reducer`);
    let json: string;
    try {
      json = toWholeJson(state);
    } catch (cause) {
      const why = (cause as NotJsonError).description;
      return new InvalidStateError(`${what} is nothing JSON can hold: ${why}`, { cause });
    }
    const bytes = Buffer.byteLength(json);
    if (bytes <= this.maxBytes) return json;
    return new InvalidStateError(
      `${what} has ${bytes} bytes, more than the ${this.maxBytes} of maxEventBytes; keep less in it`,
    );
  }
}

function reduced(fold: ResolvedFold, state: unknown, event: FoldedEvent): unknown {
  const next = fold.reduce(state, event);
  // It is refused, and nothing else waits for it.
  if (isThenable(next)) void next.then(undefined, () => {});
  return next;
}

import type { RemoteRun } from '../remote-run.js';
import type { EventsOptions } from '../task-run.js';
import type { Connection } from '../task-types.js';
import type { Source } from './source.js';

/** An event as a stream gives it. */
export interface GivenEvent {
  readonly id: string;
  readonly type: string;
  readonly data: unknown;
}

type Result = IteratorResult<GivenEvent>;

interface Waiter {
  readonly resolve: (result: Result) => void;
  readonly reject: (reason: unknown) => void;
}

const OVER: Result = { done: true, value: undefined };

/** A loop over the events of a run. */
export class Reader implements AsyncIterableIterator<GivenEvent> {
  declare source: Source | undefined;
  connection: Connection = 'connecting';
  /** It has left a connection that others need, and gets one of its own. */
  isAlone = false;
  /** The id of the newest event it has taken. */
  declare position: string | undefined;
  declare readonly from: 'latest' | 'state' | undefined;
  readonly held: GivenEvent[] = [];
  readonly #signal: AbortSignal | undefined;
  readonly #waiters: Waiter[] = [];
  #isOver = false;
  /** At most one, which no call of `next` has waited for. */
  readonly #failures: unknown[] = [];

  /** @param isForEnd it takes any position, and wants nothing but the end */
  constructor(
    readonly run: RemoteRun,
    after: string | undefined,
    { from, signal }: EventsOptions,
    readonly isForEnd = false,
  ) {
    this.position = after;
    this.from = from;
    this.#signal = signal;
    if (signal?.aborted) this.#abort();
    signal?.addEventListener('abort', this.#abort);
  }

  /** Whether it waits for an event. A connection is read while a reader does. */
  get isHungry(): boolean {
    return this.#waiters.length > 0;
  }

  async next(): Promise<Result> {
    const event = this.held.shift();
    if (event) return this.#give(event);
    if (this.#failures.length > 0) throw this.#failures.pop();
    if (this.#isOver) return OVER;
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
      if (this.source) this.source.feed();
      else this.run.watch(this);
    });
  }

  async return(): Promise<Result> {
    this.#failures.length = 0;
    this.held.length = 0;
    this.end('idle');
    return OVER;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  push(event: GivenEvent): void {
    const { position } = this;
    this.position = event.id;
    this.run.hear(event, position, this.from);
    const waiter = this.#waiters.shift();
    if (waiter) waiter.resolve(this.#give(event));
    else this.held.push(event);
  }

  /** Stops watching. */
  leave(connection: 'ended' | 'idle' | 'refused'): void {
    this.source?.remove(this);
    this.source = undefined;
    this.run.part(this, connection);
  }

  /** No event comes any more. `ended`: the end of the task was given, or known before. */
  end(connection: 'ended' | 'idle' | 'refused'): void {
    this.leave(connection);
    this.#isOver = true;
    this.#signal?.removeEventListener('abort', this.#abort);
    for (const { resolve } of this.#waiters.splice(0)) resolve(OVER);
  }

  fail(error: unknown, connection: 'idle' | 'refused'): void {
    const waiter = this.#waiters.shift();
    if (waiter) waiter.reject(error);
    else this.#failures.push(error);
    this.end(connection);
  }

  readonly #abort = (): void => {
    this.held.length = 0;
    this.fail(this.#signal?.reason, 'idle');
  };

  #give(event: GivenEvent): Result {
    if (!this.isForEnd) this.run.learn({ lastEventId: event.id });
    return { done: false, value: event };
  }
}

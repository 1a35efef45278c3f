import type { RemoteRun } from '../remote-run.js';
import type { EventsOptions } from '../task-run.js';
import { type GivenEvent, Sink } from './sink.js';

/** What a reader may hold while others read on, in events and in characters. */
const MOST_EVENTS = 1_000;

interface Waiter {
  readonly resolve: (result: IteratorResult<GivenEvent>) => void;
  readonly reject: (reason: unknown) => void;
}

/** A loop over the events of a run. */
export class EventReader extends Sink implements AsyncIterableIterator<GivenEvent> {
  readonly #signal: AbortSignal | undefined;
  #held: GivenEvent[] = [];
  readonly #waiters: Waiter[] = [];
  #isOver = false;
  #failure: { readonly error: unknown } | undefined;

  constructor(run: RemoteRun, { after, from, signal }: EventsOptions) {
    super(run, after, from);
    this.#signal = signal;
    if (signal?.aborted) this.#abort();
    else signal?.addEventListener('abort', this.#abort);
  }

  readonly #abort = (): void => {
    this.#held = [];
    this.leave();
    this.fail(this.#signal?.reason);
  };

  override get isHungry(): boolean {
    return this.#waiters.length > 0;
  }

  override get isFull(): boolean {
    return this.#held.length >= MOST_EVENTS;
  }

  override get isForEnd(): boolean {
    return false;
  }

  next(): Promise<IteratorResult<GivenEvent>> {
    const event = this.#held.shift();
    if (event) {
      this.run.give(event);
      return Promise.resolve({ done: false, value: event });
    }
    if (this.#failure) {
      const { error } = this.#failure;
      this.#failure = undefined;
      return Promise.reject(error);
    }
    if (this.#isOver) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
      if (this.source) this.source.feed();
      else this.run.watch(this);
    });
  }

  return(): Promise<IteratorResult<GivenEvent>> {
    this.#held = [];
    this.#failure = undefined;
    this.leave();
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  protected override take(event: GivenEvent): void {
    const waiter = this.#waiters.shift();
    if (!waiter) {
      this.#held.push(event);
      return;
    }
    this.run.give(event);
    waiter.resolve({ done: false, value: event });
  }

  protected override end(): void {
    this.#isOver = true;
    this.#signal?.removeEventListener('abort', this.#abort);
    for (const { resolve } of this.#waiters.splice(0)) resolve({ done: true, value: undefined });
  }

  protected override fail(error: unknown): void {
    const waiter = this.#waiters.shift();
    if (waiter) waiter.reject(error);
    else this.#failure = { error };
    this.end();
  }
}

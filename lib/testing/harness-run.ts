// Not the global: a test may have replaced it with a fake one.
import { performance } from 'node:perf_hooks';
import type { CancelOptions } from '../coordinator/coordinator.options.js';
import type { CoordinatorService } from '../coordinator/coordinator.service.js';
import type { TaskHandle } from '../coordinator/task-handle.js';
import type { TaskStore } from '../engine/local/task-store.js';
import type { Json, JsonInput } from '../task/json/json.js';
import type { TaskEvent } from '../task/task-event.js';
import type { TaskOutcome } from '../task/task-outcome.js';
import type { TaskSnapshot } from '../task/task-snapshot.js';
import { onClock } from './clock-switch.js';
import { HarnessHangError } from './hang.error.js';
import { heldPause, pause, RealWork } from './real-work.js';
import { settle, type TestClock } from './test-clock.js';

interface RunInit {
  readonly coordinator: CoordinatorService;
  readonly store: TaskStore;
  readonly clock: TestClock;
  readonly work: RealWork;
  readonly hangTimeout: number;
}

/**
 * One run in a test.
 *
 * @publicApi
 */
export class HarnessRun<Result = unknown> {
  readonly handle: TaskHandle<Result>;
  /** Every event so far, including the terminal one. */
  readonly events: TaskEvent[] = [];
  readonly #init: RunInit;
  /** How many events `nextEvent` has returned or passed over. */
  #returned = 0;
  #lastCall: Promise<unknown> = Promise.resolve();
  #over = false;

  /** @internal */
  constructor(handle: TaskHandle<Result>, init: RunInit) {
    this.handle = onClock(init.clock, handle);
    this.#init = init;
    this.handle.events().subscribe((event) => this.events.push(event));
    void this.handle.outcome.then(() => {
      this.#over = true;
    });
  }

  /** The types of the events so far, in order. */
  get eventTypes(): string[] {
    return this.events.map(({ type }) => type);
  }

  get status(): TaskSnapshot['status'] {
    return this.handle.status;
  }

  /** A copy of the newest checkpoint that the handler has saved. `null` if there is none, and when the task has ended. */
  get checkpoint(): Json {
    const { store } = this.#init;
    return JSON.parse(store.find(this.handle.ref)?.events.checkpoint ?? 'null') as Json;
  }

  /**
   * As `handle.result`. The clock stands still meanwhile: call {@link advance} or {@link finish} for what takes time.
   * Rejects with a {@link HarnessHangError} when nothing happens for `hangTimeout`.
   */
  get result(): Promise<Result> {
    return this.#orHang('run.result', this.handle.result);
  }

  /** As `handle.outcome`, with the same limit as {@link result}. */
  get outcome(): Promise<TaskOutcome<Result>> {
    return this.#orHang('run.outcome', this.handle.outcome);
  }

  /**
   * Lets time pass: every timer that is due fires at its time, in order.
   *
   * @param ms milliseconds
   */
  advance(ms: number): Promise<void> {
    return this.#init.clock.advance(ms);
  }

  /**
   * Lets real work of the handler come to its end: files, sockets, processes and its own timers. The clock stands still. Call it before
   * {@link advance} where the handler does such work before it waits. Work that stands still for a second is waited for no longer.
   */
  async settle(): Promise<void> {
    const { work } = this.#init;
    await settle();
    while (!this.#over && work.isActive) {
      await work.end();
      await settle();
    }
  }

  /**
   * Lets the task run to its end. Real work of the handler comes first: while files, sockets, processes or its own timers
   * are at work, the clock waits. Then the next timer fires, in no time.
   *
   * @returns the outcome, also of a task that fails
   * @throws HarnessHangError when the task waits for something that does not come, a signal for example; or when it sets
   *   timers without an end for `hangTimeout`
   */
  async finish(): Promise<TaskOutcome<Result>> {
    const { clock, work, hangTimeout } = this.#init;
    let began = performance.now();
    for (;;) {
      await settle();
      if (this.#over) return this.handle.outcome;
      if (work.isActive) {
        await work.end();
        await settle();
        began = performance.now();
      }
      if (this.#over) continue;
      if (performance.now() - began > hangTimeout)
        throw this.#hang('run.finish()', 'timers are set without an end');
      if (await clock.fireNext()) continue;
      if (!(await this.#moves(hangTimeout))) {
        throw this.#hang('run.finish()', 'no timer is set, and nothing is at work');
      }
      began = performance.now();
    }
  }

  /**
   * The first event that `nextEvent` has not returned yet. Events that came before the call count. It waits for real
   * work of the handler, and does not move the clock: call {@link advance} for what takes time.
   *
   * @param type passes over events of other types
   * @throws Error when the task ends without such an event; HarnessHangError when nothing happens for `hangTimeout`
   */
  nextEvent(type?: string): Promise<TaskEvent> {
    const call = type === undefined ? 'run.nextEvent()' : `run.nextEvent(${JSON.stringify(type)})`;
    const next = this.#lastCall.then(() => this.#orHang(call, this.#take(type)));
    this.#lastCall = next.catch(() => {});
    return next;
  }

  /**
   * The first event of a type, including one that came before the call. It waits for real work as {@link nextEvent}.
   *
   * @param type of the event
   * @throws as {@link nextEvent}
   */
  waitForEvent(type: string): Promise<TaskEvent> {
    const found = this.#find((event) => event.type === type, `an event "${type}"`);
    return this.#orHang(`run.waitForEvent(${JSON.stringify(type)})`, found);
  }

  /** Cancels the task, and lets its cleanup run until it waits for something. */
  async cancel(options?: CancelOptions): Promise<boolean> {
    const accepted = this.handle.cancel(options);
    await settle();
    return accepted;
  }

  /** Sends input to the handler's `waitForSignal(name)`. */
  async signal(name: string, data?: JsonInput): Promise<boolean> {
    const reached = await onClock(this.#init.clock, this.#init.coordinator).signal(
      this.handle.ref,
      name,
      data,
    );
    await settle();
    return reached;
  }

  async #take(type: string | undefined): Promise<TaskEvent> {
    const from = this.#returned;
    const found = await this.#find(
      (event, index) => index >= from && (type === undefined || event.type === type),
      type === undefined ? 'another event' : `another event "${type}"`,
    );
    this.#returned = this.events.indexOf(found) + 1;
    return found;
  }

  async #find(matches: (event: TaskEvent, index: number) => boolean, what: string): Promise<TaskEvent> {
    for (;;) {
      const over = this.#over;
      const found = this.events.find(matches);
      if (found) return found;
      if (over) throw new Error(`The task ended without ${what}; it sent ${this.eventTypes.join(', ')}`);
      await pause();
    }
  }

  /** Settles as a promise does, or rejects when nothing happens any more. */
  #orHang<T>(call: string, promise: Promise<T>): Promise<T> {
    const state = { settled: false };
    const isSettled = (): boolean => state.settled;
    const watched = new Promise<T>((resolve, reject) => {
      void promise.then(resolve, reject).finally(() => {
        state.settled = true;
      });
      void (async () => {
        while (!isSettled()) {
          if (await this.#moves(this.#init.hangTimeout, isSettled)) continue;
          reject(this.#hang(call, 'nothing is at work, and no time passes'));
          return;
        }
      })();
    });
    // As with a handle: one that is not looked at is no unhandled rejection.
    watched.catch(() => {});
    return watched;
  }

  /** Whether something happens within so many milliseconds of real time. */
  async #moves(ms: number, isOver = (): boolean => this.#over): Promise<boolean> {
    const { clock, work } = this.#init;
    const state = (): string => [this.events.length, this.status, clock.now(), clock.timersSet].join();
    const before = state();
    const end = performance.now() + ms;
    while (performance.now() < end) {
      await heldPause();
      if (isOver() || state() !== before || work.isActive) return true;
    }
    return false;
  }

  #hang(call: string, why: string): HarnessHangError {
    const { clock, store } = this.#init;
    const { ref, status } = this.handle;
    return new HarnessHangError({
      call,
      why,
      key: `${ref.app}:${ref.name}:${ref.id}`,
      status,
      eventTypes: this.eventTypes,
      signals: store.find(ref)?.inbox.expected ?? [],
      now: clock.now(),
      timers: clock.pending,
    });
  }
}

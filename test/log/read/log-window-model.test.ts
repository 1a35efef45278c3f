import { afterEach, describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Subscription } from 'rxjs';
import { type Clock, useClock } from '../../../lib/cancellation/time/clock.js';
import { LogCursor } from '../../../lib/log/read/log-cursor.js';
import { LogEntry } from '../../../lib/log/log-entry.js';
import type { StoredEvent } from '../../../lib/log/read/log-source.js';
import { LogWindow } from '../../../lib/log/read/log-window.js';
import { TaskLog } from '../../../lib/log/task-log.js';
import { Connection, pageOf, RemoteLog } from '../../support/remote-log.js';

const ref = { app: 'test', name: 'task', id: '1' };
const pageBytes = 1_000;
const bytes = 4 * pageBytes;

const steps = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('append' as const), count: fc.nat({ max: 12 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('append' as const), count: fc.nat({ max: 100 }) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('open' as const), at: fc.nat({ max: 1_000 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('leave' as const), who: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('hold' as const), who: fc.nat() }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('release' as const), who: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('leave all' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('lose' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('restore' as const) }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('turns' as const), count: fc.nat({ max: 12 }) }) },
);

type Step = typeof steps extends fc.Arbitrary<infer Value> ? Value : never;

/** What a reader was told: the `seq` of an event, or behind which event a gap ends and how much was missed. */
type Told = number | { readonly to: number; readonly missed: number | null };

class CountedLog extends RemoteLog {
  /** How often each event was given. */
  readonly given = new Map<number, number>();

  override onNews(listener: Parameters<RemoteLog['onNews']>[0]): Disposable {
    return super.onNews((news) => {
      this.#count(news?.events ?? []);
      listener(news);
    });
  }

  override async read(...args: Parameters<RemoteLog['read']>): ReturnType<RemoteLog['read']> {
    const page = await super.read(...args);
    this.#count(page.events);
    return page;
  }

  #count(events: readonly StoredEvent[]): void {
    for (const { seq } of events) this.given.set(seq, (this.given.get(seq) ?? 0) + 1);
  }
}

/** Reads some events in each of its turns, as a broadcast does for those at one place. */
class Reader {
  readonly told: Told[] = [];
  /** How often it came to an event that was not here. It counts anew if the event has come since, and was dropped before its turn. */
  stops = 0;
  isHeld = false;
  readonly #window: LogWindow<unknown>;
  readonly #cursor: LogCursor;
  readonly #subscription: Subscription;
  readonly #slowness: number;
  #isScheduled = false;
  #stoppedAt: number | undefined;
  #timesGiven = 0;

  /**
   * @param slowness how many turns it takes until it reads
   */
  constructor(
    window: LogWindow<unknown>,
    private readonly source: CountedLog,
    readonly after: number,
    slowness: number,
  ) {
    this.#window = window;
    this.#cursor = new LogCursor(window, { after });
    this.#slowness = slowness;
    this.#subscription = window.subscribe(() => this.#schedule());
    this.#schedule();
  }

  get done(): boolean {
    return this.#cursor.done;
  }

  get hasLeft(): boolean {
    return this.#subscription.closed;
  }

  leave(): void {
    this.#subscription.unsubscribe();
  }

  release(): void {
    this.isHeld = false;
    // What came for it may have been dropped since.
    this.#stoppedAt = undefined;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    void this.#readLater();
  }

  async #readLater(): Promise<void> {
    for (let turn = 0; turn <= this.#slowness; turn++) await nextTurn();
    this.#isScheduled = false;
    if (this.isHeld || this.hasLeft) return;
    for (let count = 0; count < 5; count++) {
      const next = this.#cursor.next();
      if (!next) {
        this.#noteStop();
        return;
      }
      if (next instanceof LogEntry) this.told.push(next.seq);
      else this.told.push({ to: this.#cursor.after, missed: next.missed });
    }
    this.#schedule();
  }

  #noteStop(): void {
    const { after } = this.#cursor;
    const timesGiven = this.source.given.get(after + 1) ?? 0;
    if (after >= this.#window.lastSeq || (this.#stoppedAt === after && this.#timesGiven === timesGiven))
      return;
    this.#stoppedAt = after;
    this.#timesGiven = timesGiven;
    this.stops++;
  }
}

/** Time that passes by turns of the event loop: fifty milliseconds in each. */
const turnClock: Clock = {
  now: () => 0,
  epoch: () => 0,
  setTimeout: (callback, ms) => {
    const timer = { isCleared: false, unref: () => timer };
    void (async () => {
      for (let turn = 0; turn < ms / 50; turn++) await nextTurn();
      if (!timer.isCleared) callback();
    })();
    return timer;
  },
  clearTimeout: (handle) => Object.assign(handle, { isCleared: true }),
};

describe('a window and its readers, whatever they do', () => {
  let restoreClock = (): void => {};

  afterEach(() => restoreClock());

  it('each is told all of it, in order and once, and the window reads and keeps no more than it has to', async () => {
    restoreClock = useClock(turnClock);
    await fc.assert(
      fc.asyncProperty(
        fc.array(steps, { minLength: 5, maxLength: 80 }),
        fc.constantFrom(5, 60, 100_000),
        fc.array(fc.nat({ max: 4 }), { minLength: 1, maxLength: 20 }),
        fc.boolean(),
        async (path, events, times, carriesNews) => {
          let messages = 0;
          const log = new TaskLog(ref, { events, bytes: Infinity });
          const connection = new Connection(async () => {
            for (let turns = times[messages++ % times.length]!; turns > 0; turns--) await nextTurn();
          });
          const source = new CountedLog(log, connection, carriesNews);
          const window = new LogWindow(source, pageOf(log, 1), { bytes, pageBytes });
          const readers: Reader[] = [];
          let beginnings = 0;
          const present = (): Reader[] => readers.filter(({ hasLeft }) => !hasLeft);
          const pick = (who: number): Reader | undefined => present()[who % present().length];
          const turn = async (): Promise<void> => {
            await nextTurn();
            expect(window.bytes).toBeLessThanOrEqual(bytes);
          };

          const take = async (step: Step): Promise<void> => {
            if (step.do === 'append') {
              for (let n = 0; n < step.count; n++) log.append('part', `"${'x'.repeat((n * 37) % 300)}"`);
            } else if (step.do === 'open') {
              if (present().length === 0) beginnings++;
              readers.push(new Reader(window, source, step.at % (window.lastSeq + 1), step.at % 3));
            } else if (step.do === 'leave') pick(step.who)?.leave();
            else if (step.do === 'leave all') for (const reader of readers) reader.leave();
            else if (step.do === 'hold') Object.assign(pick(step.who) ?? {}, { isHeld: true });
            else if (step.do === 'release') pick(step.who)?.release();
            else if (step.do === 'lose') connection.lose();
            else if (step.do === 'restore') connection.restore();
            else for (let count = 0; count < step.count; count++) await turn();
          };

          for (const step of path) await take(step);
          log.end('completed', '{}');
          connection.restore();
          const stayed = present();
          const releases = stayed.length;
          for (const reader of stayed) reader.release();
          for (let turns = 0; turns < 20_000 && !stayed.every(({ done }) => done); turns++) await turn();

          for (const reader of readers) expectNoHole(reader);
          for (const { done, told, after } of stayed) {
            expect(done).toBe(true);
            expect(told.length > 0 ? lastOf(told) : after).toBe(log.lastSeq);
          }
          if (stayed.length > 0) expect(window.record).toBe(log.lastEventId);
          expect(source.mostAtOnce).toBeLessThanOrEqual(1);
          const stops = readers.reduce((sum, reader) => sum + reader.stops, 0);
          expect(source.reads).toBeLessThanOrEqual(
            beginnings + source.news + source.failures + stops + releases,
          );
          for (const reader of readers) reader.leave();
          expect([source.listeners, window.bytes]).toEqual([0, 0]);
        },
      ),
      { numRuns: 300 },
    );
  });
});

function lastOf(told: readonly Told[]): number {
  const last = told.at(-1)!;
  return typeof last === 'number' ? last : last.to;
}

function expectNoHole({ told, after }: Reader): void {
  let position = after;
  for (const next of told) {
    if (typeof next === 'number') {
      expect(next).toBe(position + 1);
      position = next;
    } else {
      expect(next.missed).toBe(next.to - position);
      position = next.to;
    }
  }
}

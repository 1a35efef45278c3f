import { AsyncLocalStorage } from 'node:async_hooks';
// Not the globals: a test may have replaced them with fake ones.
import { setImmediate } from 'node:timers';
import { fileURLToPath } from 'node:url';
import type { Clock, TimerHandle } from '../cancellation/time/clock.js';

let ownFolders: readonly string[] | undefined;

/**
 * The folders of this package's code, as URLs and as paths: of what runs (`lib/`, `dist/` or `dist/commonjs/`), and of
 * what source maps may make of it. A stack may have both. None in a bundle, which has no files of this package.
 */
function findOwnFolders(): string[] {
  if (!URL.canParse('..', import.meta.url)) return [];
  const running = new URL('..', import.meta.url);
  const build = /\/dist\/(?:commonjs\/)?$/.exec(running.pathname)?.[0];
  const root = new URL(build === '/dist/commonjs/' ? '../..' : '..', running);
  const folders = build === undefined ? [running] : ['dist/', 'lib/'].map((folder) => new URL(folder, root));
  return folders.flatMap((folder) => [folder.href, withSlashes(fileURLToPath(folder))]);
}

/** Windows has both in its stacks. */
function withSlashes(text: string): string {
  return text.replaceAll('\\', '/');
}

/** How many frames a stack must have, so that the handler's are among them. */
const MIN_FRAMES = 50;

export class PendingTimer implements TimerHandle {
  /** Runs the callback in the async context in which the timer was set, as a real timer does. */
  readonly fire: () => void;
  readonly #trace: { readonly stack?: string } = {};

  constructor(
    private readonly timers: Set<PendingTimer>,
    readonly dueAt: number,
    readonly order: number,
    callback: () => void,
  ) {
    this.fire = AsyncLocalStorage.bind(callback);
    const { stackTraceLimit } = Error;
    // By default the frames of this package fill it. It may be frozen.
    Reflect.set(Error, 'stackTraceLimit', Math.max(stackTraceLimit, MIN_FRAMES));
    Error.captureStackTrace(this.#trace, PendingTimer);
    Reflect.set(Error, 'stackTraceLimit', stackTraceLimit);
    timers.add(this);
  }

  unref(): this {
    return this;
  }

  clear(): void {
    this.timers.delete(this);
  }

  /** The line of the handler that has set it; `undefined` for a timer that the coordinator has set for itself. */
  get origin(): string | undefined {
    const frames = (this.#trace.stack ?? '').split('\n').slice(1);
    const own = (ownFolders ??= findOwnFolders());
    const foreign = frames.find(
      (frame) =>
        !own.some((folder) => withSlashes(frame).includes(folder)) &&
        !/node:|<anonymous>|[\\/]node_modules[\\/]/.test(frame),
    );
    return foreign?.trim().replace(/^at /, '');
  }
}

/** Time that passes only when it is told to. What a handler does for real (files, sockets, `setTimeout`) goes on in real time. */
export class TestClock implements Clock {
  readonly #timers = new Set<PendingTimer>();
  readonly #epoch = Date.now();
  #now = 0;
  #order = 0;

  now(): number {
    return this.#now;
  }

  epoch(): number {
    return this.#epoch + this.#now;
  }

  /** Changes whenever a timer is set. */
  get timersSet(): number {
    return this.#order;
  }

  /** The timers that wait, in the order in which they fire. */
  get pending(): PendingTimer[] {
    return [...this.#timers].toSorted((a, b) => a.dueAt - b.dueAt || a.order - b.order);
  }

  setTimeout(callback: () => void, ms: number): TimerHandle {
    return new PendingTimer(this.#timers, this.#now + Math.max(ms, 0), this.#order++, callback);
  }

  clearTimeout(handle: TimerHandle): void {
    (handle as PendingTimer).clear();
  }

  /** Lets `ms` pass: each timer fires at its time, and what follows from it happens before the next one. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settle();
    while (await this.fireNext(end));
    this.#now = Math.max(this.#now, end);
  }

  /** Passes the time to the next timer that is due by `end`, and lets what follows happen. Says whether there was one. */
  async fireNext(end = Infinity): Promise<boolean> {
    let next: PendingTimer | undefined;
    for (const timer of this.#timers) {
      if (timer.dueAt > end) continue;
      if (!next || timer.dueAt < next.dueAt || (timer.dueAt === next.dueAt && timer.order < next.order))
        next = timer;
    }
    if (!next) return false;
    next.clear();
    this.#now = Math.max(this.#now, next.dueAt);
    next.fire();
    await settle();
    return true;
  }
}

/** How many turns of the event loop follow each timer: a task begins one turn after its start, a `yield` takes one. */
const TURNS_AFTER_TIMER = 4;

/** Lets everything happen that needs no time. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < TURNS_AFTER_TIMER; turn++) await new Promise((resolve) => setImmediate(resolve));
}

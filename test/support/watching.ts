/** Tasks whose handler is in the test's hands. After each test no watcher may be left on any of them. */
import { closeLater, connectRaw, resumeAfter, watch, watchRaw } from './clients/open-clients.js';
import { afterEach, expect } from '@jest/globals';
import type { Type } from '@nestjs/common';
import type { StartOptions, StreamTaskOptions, TaskContext, TaskHandle } from 'nestjs-streaming';
import { createTaskApp, handlerTask, type TaskApp, type TaskAppOptions } from './app.js';
import { isOnRedis } from './app/store.js';
import type { SseEvent, SseStream } from './clients/sse.js';
import { deferred, eventually, patience, withTimeout } from './wait.js';

export { closeLater, connectRaw, createTaskApp, resumeAfter, watch, watchRaw };
export type { TaskApp, TaskAppOptions };

export const adapters = ['express', 'fastify'] as const;
export type Adapter = (typeof adapters)[number];

/** The routes of a task: the method, and what follows the URL of the task. */
export const taskRoutes = [
  ['GET', ''],
  ['GET', '/status'],
  ['DELETE', ''],
  ['PUT', ''],
  ['POST', '/signals/go'],
] as const;

const handles = new Set<TaskHandle>();

afterEach(async () => {
  const started = [...handles];
  handles.clear();
  await Promise.all(
    started.map((handle) =>
      eventually(async () => {
        expect(await handle.snapshot()).toMatchObject({ watchers: 0 });
      }),
    ),
  );
});

/** A running task whose handler does what the test says. */
export interface Puppet {
  readonly handle: TaskHandle;
  readonly id: string;
  /** Where it is watched. */
  readonly url: string;
  readonly context: TaskContext;
  send(type: string, data?: unknown): void;
  /** Sends `count` events of type `n`, numbered from where the last call stopped, from 1 on. */
  count(count: number): void;
  /** Settles when all that was sent is in the log. */
  stored(): Promise<void>;
  /** The handler returns; settles when the task is over. */
  end(value?: unknown): Promise<void>;
  /** The handler throws; settles when the task is over. */
  fail(error: unknown): Promise<void>;
}

interface Server {
  readonly url: string;
  readonly coordinator: {
    start(type: Type<PuppetHandler>, input: unknown, options?: StartOptions): Promise<TaskHandle>;
  };
}

interface PuppetHandler {
  process(task: TaskContext): Promise<unknown>;
}

/** A task type whose handlers wait for the test. A cancellation ends them unless `stubborn`. */
export class PuppetTask {
  readonly type: Type<PuppetHandler>;
  readonly name: string;
  /** How many handlers were called. */
  calls = 0;
  private readonly entered = new Map<string, (context: TaskContext) => void>();
  private readonly exits = new Map<string, Promise<unknown>>();

  constructor({ stubborn = false, ...options }: StreamTaskOptions & { stubborn?: boolean } = {}) {
    this.name = options.name ?? `puppet-${++puppets}`;
    this.type = handlerTask(
      async (task: TaskContext): Promise<unknown> => {
        this.calls += 1;
        this.entered.get(task.id)?.(task);
        const exit = this.exits.get(task.id) ?? new Promise<never>(() => undefined);
        return stubborn ? exit : task.waitFor(exit);
      },
      { ...options, name: this.name },
    );
  }

  urlOf(server: Pick<Server, 'url'>, id: string, app = 'test'): string {
    return `${server.url}/${app}/${this.name}/${id}`;
  }

  /** Starts one; settles when its handler was called, and the log says so. */
  async start(server: Server, options: StartOptions = {}): Promise<Puppet> {
    const { puppet, running } = await this.begin(server, options);
    await withTimeout(running, patience, `the call of the handler of ${puppet.id}`);
    // In one process it does by now, or never will.
    if (isOnRedis) await eventually(async () => (await puppet.handle.snapshot()).lastEventId !== null);
    return puppet;
  }

  /** Starts one, and does not wait for its handler. */
  async begin(
    server: Server,
    options: StartOptions = {},
  ): Promise<{ puppet: Puppet; running: Promise<TaskContext> }> {
    const id = options.id ?? `p-${++puppets}`;
    const entered = deferred<TaskContext>();
    const exit = deferred<unknown>();
    exit.promise.catch(() => undefined);
    this.entered.set(id, entered.resolve);
    this.exits.set(id, exit.promise);
    const handle = await server.coordinator.start(this.type, {}, { ...options, id });
    handles.add(handle);
    let context: TaskContext | undefined;
    const running = entered.promise.then((given) => (context = given));
    let sent = 0;
    let stored: Promise<unknown> = Promise.resolve();
    const urlOf = (): string => this.urlOf(server, id, handle.ref.app);
    const puppet: Puppet = {
      handle,
      id,
      // An application that does not listen has none.
      get url() {
        return urlOf();
      },
      get context() {
        if (!context) throw new Error(`The handler of ${id} was not called yet`);
        return context;
      },
      send(type, data) {
        // The order is that of the calls.
        stored = puppet.context.sendEvent(type, data as object);
      },
      count(count) {
        for (let n = 0; n < count; n++) puppet.send('n', ++sent);
      },
      async stored() {
        await stored;
      },
      async end(value) {
        exit.resolve(value);
        await withTimeout(handle.outcome, patience, `the end of ${id}`);
      },
      async fail(error) {
        exit.reject(error);
        await withTimeout(handle.outcome, patience, `the end of ${id}`);
      },
    };
    return { puppet, running };
  }
}

let puppets = 0;

/** The seq of an event's id. */
export function seqOf({ id }: Pick<SseEvent, 'id'>): number {
  return Number(/-([0-9]+)$/.exec(id ?? '')?.[1] ?? NaN);
}

/** The epoch of an event's id. */
export function epochOf({ id }: Pick<SseEvent, 'id'>): string {
  return /^(.*)-[0-9]+$/.exec(id ?? '')?.[1] ?? '';
}

/** The seqs from one to another. */
export function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index);
}

/** Nothing but the events' seqs; a gap is written as its cause. */
export function outline({ events }: { readonly events: readonly SseEvent[] }): (number | string)[] {
  return events.map((event) =>
    event.type === 'gap' ? (event.data as { cause: string }).cause : seqOf(event),
  );
}

/** Asserts that nothing is held up: each of five events is sent when the one before has come, then heartbeats come. */
export async function expectLive(puppet: Puppet, stream: SseStream): Promise<void> {
  await stream.next('started');
  for (let n = 1; n <= 5; n++) {
    puppet.count(1);
    expect(await stream.next('n')).toMatchObject({ data: n });
  }
  const { comments } = stream;
  await eventually(() => expect(stream.comments).toBeGreaterThan(comments + 2));
}

export async function watchersOf({ handle }: Puppet): Promise<number> {
  return (await handle.snapshot()).watchers;
}

/** Waits until so many watch a task. */
export async function expectWatchers(puppet: Puppet, count: number): Promise<void> {
  await eventually(async () => expect(await watchersOf(puppet)).toBe(count));
}

/** Asserts that each event's seq follows the one before; a gap says how many are missing. */
export function expectNoHole(events: readonly SseEvent[], after = 0): void {
  let at = after;
  for (const event of events) {
    if (event.type === 'gap') {
      const { missed } = event.data as { missed: number | null };
      if (missed !== null) expect(seqOf(event)).toBe(at + missed);
      at = seqOf(event);
    } else {
      expect(seqOf(event)).toBe(at + 1);
      at += 1;
    }
  }
}

/** A short wait in which nothing may come. Milliseconds. */
export const quiet = 80;

/** The `code` of what a call throws or rejects with. */
export async function codeOf(body: () => unknown): Promise<unknown> {
  try {
    await body();
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
  return 'nothing was thrown';
}

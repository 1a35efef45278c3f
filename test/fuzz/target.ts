import { expect } from '@jest/globals';
import { IsInt, IsOptional } from 'class-validator';
import { createHook } from 'node:async_hooks';
import type { Server } from 'node:http';
import type { TaskContext } from 'nestjs-streaming';
import { z } from 'zod';
import { handlerTask } from '../support/app.js';
import { deferred, eventually, withTimeout } from '../support/wait.js';
import { type Adapter, createTaskApp, quiet, type TaskApp, watch } from '../support/watching.js';
import type { FuzzAnswer } from './answers.js';
import type { Positions } from './expected.js';
import { tasks, typeNames } from './requests.js';

class Dto {
  @IsOptional()
  @IsInt()
  n?: number;
}

/** Short, so that its clock runs while everything else happens. Milliseconds. */
const heartbeat = 10;

/** An application to be attacked: three task types, and of each a task that runs and one that has ended. */
export class Target {
  readonly #positions = new Map<string, { live: string; done: string }>();

  private constructor(
    readonly app: TaskApp,
    private readonly handlers: Map<string, () => void>,
  ) {}

  static async create(adapter: Adapter): Promise<Target> {
    const handlers = new Map<string, () => void>();
    const process = async (task: TaskContext): Promise<unknown> => {
      for (let n = 0; n < 6; n++) void task.sendEvent('n', n);
      handlers.get(task.key)?.();
      if (task.id === tasks.live) await task.waitFor(new Promise<never>(() => undefined));
      return task.id === tasks.done ? null : task.input;
    };
    const inputs = {
      plain: {},
      schema: { input: z.object({ n: z.number().optional() }) },
      dto: { input: Dto },
    };
    const types = typeNames.map((name) =>
      handlerTask(process, { app: tasks.app, name, replay: { events: 4 }, ...inputs[name] }),
    );
    const app = await createTaskApp({
      adapter,
      tasks: types,
      options: {
        http: { start: true, list: true, heartbeat, stallTimeout: 2_000, maxStreams: 500 },
        replay: { tasks: 40 },
      },
    });
    const target = new Target(app, handlers);
    await target.restore();
    return target;
  }

  get server(): Server {
    return this.app.app.getHttpServer() as Server;
  }

  /** The newest ids of the tasks that a request to this task type speaks of. */
  positionsOf(name: string | undefined): Positions {
    return this.#positions.get(name ?? '') ?? { live: '', done: '' };
  }

  /** Starts anew what a request has ended, so that the next one finds the same. */
  async restore(): Promise<void> {
    for (const name of typeNames) {
      const positions = { live: '', done: '' };
      for (const which of ['live', 'done'] as const) {
        positions[which] = await this.#restore(
          name,
          tasks[which],
          which === 'live' ? 'running' : 'completed',
        );
      }
      this.#positions.set(name, positions);
    }
  }

  async #restore(name: string, id: string, wanted: string): Promise<string> {
    const { coordinator } = this.app;
    const ref = { app: tasks.app, name, id };
    // Again, when a request that was still on its way has ended it meanwhile.
    for (;;) {
      const found = await coordinator.get(ref);
      if (found?.status === wanted) return found.lastEventId ?? '';
      if (found && !found.endedAt) await coordinator.cancelTask(ref, { wait: 'settled' });
      const running = deferred();
      this.handlers.set(coordinator.getTaskKey(ref.app, name, id), running.resolve);
      const { outcome } = await coordinator.start({ app: ref.app, name }, {}, { id, restart: true });
      await withTimeout(
        wanted === 'running' ? Promise.race([running.promise, outcome]) : outcome,
        5_000,
        `the task ${name}:${id} ${wanted} anew`,
      );
    }
  }

  /** Whatever it was asked: an answer is whole, never HTML, and no fault of the server's own. */
  check(answer: FuzzAnswer): void {
    const { status, headers, body } = answer;
    const type = headers.get('content-type') ?? '';
    expect([status, headers.get('x-injected'), /html/i.test(type)]).toEqual([status, undefined, false]);
    if (status >= 500) {
      expect({ status, code: codeOf(body) }).toEqual({
        status: 503,
        code: expect.stringMatching(/^(?:TOO_MANY_STREAMS|SHUTTING_DOWN)$/) as unknown,
      });
    }
    if (body !== '' && status >= 400) expect(type).toMatch(/^application\/json\b/);
    if (type.startsWith('text/event-stream')) expect([status, headers.has('etag')]).toEqual([200, false]);
  }

  /** Nothing is left of all the requests, and the application works as on its first day. */
  async checkLeftovers(): Promise<void> {
    const { coordinator, logs, origin } = this.app;
    await eventually(async () => expect(await this.#connections()).toBe(0));
    const { items } = await coordinator.list({ limit: 1_000 });
    await eventually(async () => {
      const left = (await coordinator.list({ limit: 1_000 })).items;
      expect(left.filter(({ watchers }) => watchers > 0)).toEqual([]);
    });
    expect(items.length).toBeLessThan(60);
    // Of a client that leaves while Fastify reads its body Nest writes this.
    expect(logs.errors.filter((text) => !text.startsWith('Error: aborted'))).toEqual([]);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
    expect(await timersIn(quiet)).toBeLessThan(3);
    const handle = await coordinator.start({ app: tasks.app, name: 'schema' }, { n: 7 });
    const stream = await watch(`${origin}/stream/${tasks.app}/schema/${handle.id}`);
    expect(await stream.ended).toBe('complete');
    expect(stream.events.at(-1)).toMatchObject({ type: 'completed', data: { finalValue: { n: 7 } } });
  }

  #connections(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.server.getConnections((error, count) => (error ? reject(error) : resolve(count)));
    });
  }
}

export function codeOf(body: string): unknown {
  try {
    return (JSON.parse(body) as { code?: unknown } | null)?.code;
  } catch {
    return undefined;
  }
}

/** How many timers are set in a time in which nothing is asked: a clock that was left running sets one each time. */
async function timersIn(ms: number): Promise<number> {
  let count = 0;
  const hook = createHook({
    init: (_id, type) => {
      if (type === 'Timeout') count++;
    },
  }).enable();
  await new Promise((resolve) => setTimeout(resolve, ms));
  hook.disable();
  return count;
}

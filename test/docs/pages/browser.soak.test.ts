import { describe, expect, jest, test } from '@jest/globals';
import { runInNewContext } from 'node:vm';
import { EventSource } from 'eventsource';
import type { TaskContext, TaskRef } from 'nestjs-streaming';
import { createTaskApp, handlerTask } from '../../support/app.js';
import { eventually } from '../../support/wait.js';
import { page } from '../support/documents.js';
import { ScratchFolder } from '../support/sources.js';

describe('the page on browsers', () => {
  test('fetch-event-source: to the end, and not again', async () => {
    const Count = handlerTask(async (task: TaskContext) => task.progress(50), {
      app: 'app',
      name: 'CountTask',
    });
    const { coordinator, origin } = await createTaskApp({ tasks: [Count] });
    const handle = await coordinator.start(Count, {}, { id: 'demo' });
    await handle.outcome;
    const { lastEventId } = await handle.snapshot();
    const document = { addEventListener() {}, removeEventListener() {}, hidden: false };
    const answers: number[] = [];
    using scratch = new ScratchFolder();
    const said: unknown[] = [];
    const log = jest.spyOn(console, 'log').mockImplementation((...words: unknown[]) => void said.push(words));
    const visit = async (path: string, headers: Record<string, string> = {}, outages = 0): Promise<void> => {
      let calls = 0;
      const window = {
        setTimeout: (callback: () => void) => setTimeout(callback, 0),
        clearTimeout,
        fetch: async (_: string, init: RequestInit) => {
          const response =
            calls++ < outages
              ? new Response(null, { status: 502 })
              : await fetch(origin + path, { ...init, headers: { ...(init.headers as object), ...headers } });
          answers.push(response.status);
          return response;
        },
      };
      Object.assign(globalThis, { window, document });
      const code = page('browser').block('js', 'fetch-event-source').text;
      await import(scratch.write(`page-${answers.length}.js`, code));
    };
    try {
      await visit('/stream/app/CountTask/demo');
      expect(said).toEqual([
        ['started', { attempt: 1 }],
        ['progress', { percent: 50 }],
        ['completed', { finalValue: null }],
      ]);
      await visit('/stream/app/CountTask/demo', { 'last-event-id': lastEventId ?? '' });
      await visit('/stream/app/CountTask/demo', { 'last-event-id': lastEventId ?? '' }, 2);
      await expect(visit('/stream/app/CountTask/nobody')).rejects.toThrow('Answered 404');
      expect(answers).toEqual([200, 204, 502, 502, 204, 404]);
    } finally {
      log.mockRestore();
      for (const name of ['window', 'document']) Reflect.deleteProperty(globalThis, name);
    }
  });

  test('the client: a page that is loaded again goes on with its task', async () => {
    const Count = handlerTask(
      async (task: TaskContext) => {
        await task.progress({ message: 'counted to 1' });
        await task.waitForSignal('go');
      },
      { app: 'app', name: 'CountTask' },
    );
    const { coordinator, origin } = await createTaskApp({
      tasks: [Count],
      options: { http: { start: true } },
      forceCloseConnections: true,
    });
    const stored = new Map<string, string>();
    const sessionStorage = {
      getItem: (key: string) => stored.get(key) ?? null,
      setItem: (key: string, value: string) => stored.set(key, value),
      removeItem: (key: string) => stored.delete(key),
    };
    using scratch = new ScratchFolder();
    const load = (): { shown: string[]; ended: Promise<unknown> } => {
      const shown: string[] = [];
      const task = {
        set textContent(text: string) {
          shown.push(text);
        },
      };
      Object.assign(globalThis, {
        document: { querySelector: () => task },
        location: { href: `${origin}/` },
        sessionStorage,
      });
      const code = page('browser').block('js', 'client').text;
      return { shown, ended: import(scratch.write(`client-${++loads}.js`, code)) };
    };
    let loads = 0;
    try {
      const first = load();
      await eventually(() => expect(first.shown.at(-1)).toBe('live: running, counted to 1'));
      const second = load();
      await eventually(() => expect(second.shown.at(-1)).toMatch(/^live: running/));
      const { items } = await coordinator.list();
      expect(items).toHaveLength(1);
      await coordinator.signal(items[0] as TaskRef, 'go');
      await Promise.all([first.ended, second.ended]);
      expect(second.shown.at(-1)).toMatch(/^ended: completed/);
      expect(stored.size).toBe(0);
    } finally {
      for (const name of ['document', 'location', 'sessionStorage']) Reflect.deleteProperty(globalThis, name);
    }
  });

  describe('many tasks on one connection', () => {
    /** Runs the block until its connection is closed. Gives what it says. */
    async function watchMany(ids: readonly string[]): Promise<unknown[][]> {
      const Count = handlerTask(async (task: TaskContext) => task.progress(50), {
        app: 'app',
        name: 'CountTask',
      });
      const { coordinator, origin } = await createTaskApp({ tasks: [Count] });
      for (const id of ids) await (await coordinator.start(Count, {}, { id })).outcome;
      const said: unknown[][] = [];
      runInNewContext(page('browser').block('js', 'many-tasks').text, {
        console: { log: (...words: unknown[]) => said.push(words) },
        EventSource: class extends EventSource {
          constructor(path: string) {
            super(origin + path);
          }
        },
      });
      await eventually(() => expect(said.at(-1)).toEqual(['closed']));
      return said;
    }

    test('every event says of which task it is', async () => {
      const said = await watchMany(['one', 'two']);
      for (const id of ['one', 'two']) {
        const task = `app/CountTask/${id}`;
        expect(said.filter(([whose]) => whose === task)).toEqual([
          [task, 'progress', { percent: 50 }],
          [task, 'completed', { finalValue: null }],
        ]);
      }
    });

    test('one that cannot be watched is told of, and why', async () => {
      const said = await watchMany(['one']);
      expect(said).toContainEqual(['app/CountTask/two', 'TASK_NOT_FOUND']);
      expect(said).toContainEqual(['app/CountTask/one', 'completed', { finalValue: null }]);
    });

    test('none that can be watched', async () => {
      expect(await watchMany([])).toEqual([['closed']]);
    });
  });
});

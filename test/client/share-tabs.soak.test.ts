import { afterAll, afterEach, expect, it } from '@jest/globals';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { BrowserContext, Page } from 'playwright-core';
import { describeWithChromium, launchChromium } from '../support/programs/chromium.js';
import { eventually } from '../support/wait.js';
import { createTaskApp, PuppetTask, range, type TaskApp } from '../support/watching.js';
import type { Locks } from '../../lib/client/share/messages.js';
import { ClientController } from './client-controller.js';

/** What a tab keeps of what it watches. */
interface Tab {
  readonly ids: string[];
  /** Until then it reads no more. */
  hold?: Promise<void>;
  status?: string;
  failure?: string;
}

type WithTabs = typeof globalThis & { tabs: Record<string, Tab>; stops: Record<string, () => void> };

interface Server extends TaskApp {
  /** The streams that are open, by path and query. */
  readonly open: ReadonlySet<ServerResponse>;
  readonly asked: string[];
}

describeWithChromium('tabs that share', (executablePath) => {
  const browser = launchChromium(executablePath);
  afterAll(async () => (await browser).close());
  const contexts: BrowserContext[] = [];
  afterEach(async () => {
    await Promise.all(contexts.splice(0).map((context) => context.close()));
  });

  async function serve(task: PuppetTask): Promise<Server> {
    const open = new Set<ServerResponse>();
    const asked: string[] = [];
    const app = await createTaskApp({
      tasks: [task.type],
      controllers: [ClientController],
      forceCloseConnections: true,
      options: { http: { retry: 1, heartbeat: 50 }, replay: { events: 5_000 } },
      configure: (nest) =>
        nest.use(({ url, headers }: IncomingMessage, response: ServerResponse, next: () => void) => {
          if (headers.accept === 'text/event-stream') {
            open.add(response);
            asked.push(url ?? '');
            response.once('close', () => open.delete(response));
          }
          next();
        }),
    });
    return Object.assign(app, { open, asked });
  }

  async function newTab(app: Server, context: BrowserContext): Promise<Page> {
    const page = await context.newPage();
    await page.goto(new URL('/client/page', app.url).href);
    await page.evaluate(() => Object.assign(globalThis, { tabs: {}, stops: {} }));
    return page;
  }

  async function newContext(): Promise<BrowserContext> {
    const context = await (await browser).newContext();
    contexts.push(context);
    return context;
  }

  /** Has a tab watch tasks. What it hears stands in `tabs`, by id. */
  function watch(page: Page, task: PuppetTask, ...ids: string[]): Promise<void> {
    return page.evaluate(
      async ([name, watched]) => {
        const module = '/client/lib/index.js';
        const { createStreamingClient } = (await import(module)) as typeof import('nestjs-streaming/client');
        const client = createStreamingClient({
          baseUrl: '/stream',
          shareTabs: true,
          retry: { min: 5, max: 20 },
        });
        const { tabs, stops } = globalThis as WithTabs;
        for (const id of watched) {
          const tab: Tab = (tabs[id] = { ids: [] });
          const run = client.task('test', name).attach(id);
          const stop = new AbortController();
          stops[id] = () => stop.abort(new Error('stopped'));
          void (async () => {
            try {
              for await (const event of run.events({ signal: stop.signal })) {
                tab.ids.push(event.id);
                await tab.hold;
              }
              tab.status = (await run.outcome()).status;
            } catch (error) {
              tab.failure = (error as { code?: string; message: string }).code ?? String(error);
            }
          })();
        }
      },
      [task.name, ids] as const,
    );
  }

  const tabOf = (page: Page, id: string): Promise<Tab> =>
    page.evaluate((of) => ({ ...(globalThis as WithTabs).tabs[of], hold: undefined }) as unknown as Tab, id);

  const hasHeard = (page: Page, id: string, events: number): Promise<void> =>
    eventually(async () => expect((await tabOf(page, id)).ids.length).toBeGreaterThanOrEqual(events));

  const seqsOf = ({ ids }: Tab): number[] => ids.map((id) => Number(id.split('-')[1]));

  it('have one connection, and each has every event once and in order', async () => {
    const task = new PuppetTask();
    const app = await serve(task);
    const puppet = await task.start(app);
    puppet.count(100);
    const context = await newContext();
    const tabs = [await newTab(app, context), await newTab(app, context), await newTab(app, context)];
    await Promise.all(tabs.map((page) => watch(page, task, puppet.id)));
    await Promise.all(tabs.map((page) => hasHeard(page, puppet.id, 101)));
    await eventually(() => expect(app.open.size).toBe(1));
    puppet.count(100);
    await puppet.end();
    for (const page of tabs) {
      await eventually(async () => expect((await tabOf(page, puppet.id)).status).toBe('completed'));
      expect(seqsOf(await tabOf(page, puppet.id))).toEqual(range(1, 202));
    }
    await eventually(() => expect(app.open.size).toBe(0));
  });

  it('share it for different tasks, and for one that came long before', async () => {
    const task = new PuppetTask();
    const app = await serve(task);
    const [one, two] = [await task.start(app), await task.start(app)];
    one.count(1_000);
    const context = await newContext();
    const [first, second] = [await newTab(app, context), await newTab(app, context)];
    await watch(first, task, one.id);
    await hasHeard(first, one.id, 1_001);
    await watch(second, task, two.id, one.id);
    await hasHeard(second, one.id, 1_001);
    await hasHeard(second, two.id, 1);
    await eventually(() => expect(app.open.size).toBe(1));
    one.count(10);
    two.count(10);
    await Promise.all([one.end(), two.end()]);
    for (const [page, id, count] of [
      [first, one.id, 1_012],
      [second, one.id, 1_012],
      [second, two.id, 12],
    ] as const) {
      await eventually(async () => expect((await tabOf(page, id)).status).toBe('completed'));
      expect(seqsOf(await tabOf(page, id))).toEqual(range(1, count));
    }
  });

  it.each(['is closed', 'goes to another page'])(
    'go on where they were when the one that holds it %s',
    async (how) => {
      const task = new PuppetTask();
      const app = await serve(task);
      const puppet = await task.start(app);
      const context = await newContext();
      const holder = await newTab(app, context);
      await watch(holder, task, puppet.id);
      puppet.count(10);
      await hasHeard(holder, puppet.id, 11);
      const others = [await newTab(app, context), await newTab(app, context)];
      await Promise.all(others.map((page) => watch(page, task, puppet.id)));
      await Promise.all(others.map((page) => hasHeard(page, puppet.id, 11)));
      await eventually(() => expect(app.open.size).toBe(1));
      puppet.count(10);
      await (how === 'is closed' ? holder.close() : holder.goto('about:blank'));
      puppet.count(10);
      await Promise.all(others.map((page) => hasHeard(page, puppet.id, 31)));
      await eventually(() => expect(app.open.size).toBe(1));
      await puppet.end();
      for (const page of others) {
        await eventually(async () => expect((await tabOf(page, puppet.id)).status).toBe('completed'));
        expect(seqsOf(await tabOf(page, puppet.id))).toEqual(range(1, 32));
      }
    },
  );

  it('go on when the connection is lost, each where it was', async () => {
    const task = new PuppetTask();
    const app = await serve(task);
    const puppet = await task.start(app);
    const context = await newContext();
    const tabs = [await newTab(app, context), await newTab(app, context)];
    await Promise.all(tabs.map((page) => watch(page, task, puppet.id)));
    for (let cut = 0; cut < 10; cut++) {
      puppet.count(10);
      await Promise.all(tabs.map((page) => hasHeard(page, puppet.id, 10 * cut + 5)));
      for (const response of app.open) response.destroy();
    }
    await puppet.end();
    for (const page of tabs) {
      await eventually(async () => expect((await tabOf(page, puppet.id)).status).toBe('completed'));
      expect(seqsOf(await tabOf(page, puppet.id))).toEqual(range(1, 102));
    }
  });

  it('are each told that a task is unknown, alone and among others', async () => {
    const task = new PuppetTask();
    const app = await serve(task);
    const puppet = await task.start(app);
    const context = await newContext();
    const [first, second] = [await newTab(app, context), await newTab(app, context)];
    await watch(first, task, puppet.id);
    await hasHeard(first, puppet.id, 1);
    await watch(second, task, 'unknown');
    await eventually(async () => expect((await tabOf(second, 'unknown')).failure).toBe('TASK_NOT_FOUND'));
    await watch(second, task, puppet.id, 'another');
    await eventually(async () => expect((await tabOf(second, 'another')).failure).toBe('TASK_NOT_FOUND'));
    await puppet.end();
    await eventually(async () => expect((await tabOf(second, puppet.id)).status).toBe('completed'));
  });

  it('hold up no other when one does not read, and it gets all of it later', async () => {
    const task = new PuppetTask();
    const app = await serve(task);
    const puppet = await task.start(app);
    const context = await newContext();
    const [first, slow] = [await newTab(app, context), await newTab(app, context)];
    await watch(first, task, puppet.id);
    await watch(slow, task, puppet.id);
    await hasHeard(slow, puppet.id, 1);
    await slow.evaluate(() => {
      const { tabs } = globalThis as WithTabs;
      const hold = new Promise<void>((goOn) => Object.assign(globalThis, { goOn }));
      for (const tab of Object.values(tabs)) Object.assign(tab, { hold });
    });
    puppet.count(3_000);
    await hasHeard(first, puppet.id, 3_001);
    expect((await tabOf(slow, puppet.id)).ids.length).toBeLessThan(10);
    await slow.evaluate(() => (globalThis as unknown as { goOn(): void }).goOn());
    await hasHeard(slow, puppet.id, 3_001);
    await puppet.end();
    for (const page of [first, slow]) {
      await eventually(async () => expect((await tabOf(page, puppet.id)).status).toBe('completed'));
      expect(seqsOf(await tabOf(page, puppet.id))).toEqual(range(1, 3_002));
    }
  });

  it('drop what no tab watches any more', async () => {
    const task = new PuppetTask();
    const app = await serve(task);
    const puppet = await task.start(app);
    const context = await newContext();
    const [first, second, third] = [
      await newTab(app, context),
      await newTab(app, context),
      await newTab(app, context),
    ];
    await watch(first, task, puppet.id);
    await hasHeard(first, puppet.id, 1);
    await Promise.all([second, third].map((page) => watch(page, task, puppet.id)));
    await hasHeard(second, puppet.id, 1);
    await hasHeard(third, puppet.id, 1);
    const stop = (page: Page): Promise<void> =>
      page.evaluate((id) => (globalThis as WithTabs).stops[id]?.(), puppet.id);
    await stop(first);
    await stop(second);
    await eventually(() => expect(app.open.size).toBe(1));
    await third.close();
    await eventually(() => expect(app.open.size).toBe(0));
    await puppet.end();
  });

  it('have connections of their own where the one that holds it does not answer', async () => {
    const task = new PuppetTask();
    const app = await serve(task);
    const puppet = await task.start(app);
    const context = await newContext();
    const silent = await newTab(app, context);
    await silent.evaluate(
      (name) =>
        new Promise<void>((held) => {
          const { navigator } = globalThis as unknown as { navigator: { locks: Locks } };
          void navigator.locks.request(name, {}, () => {
            held();
            return new Promise(() => undefined);
          });
        }),
      `nestjs-streaming ${app.url}/`,
    );
    const page = await newTab(app, context);
    await watch(page, task, puppet.id);
    await hasHeard(page, puppet.id, 1);
    await puppet.end();
    await eventually(async () => expect((await tabOf(page, puppet.id)).status).toBe('completed'));
    expect(app.asked).toHaveLength(1);
  });
});

/** The client in a page of Firefox. The page is served by the application whose tasks it watches. */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { RunEvent } from 'nestjs-streaming/client';
import type { IncomingMessage, Server } from 'node:http';
import type { Browser, Page } from 'puppeteer-core';
import { handlerTask } from '../support/app.js';
import { describeWithFirefox, launchFirefox } from '../support/browsers/firefox.js';
import { eventually } from '../support/wait.js';
import { closeLater, createTaskApp, range, type TaskApp } from '../support/watching.js';
import { ClientController } from './client-controller.js';
import type { InPage } from './page/watch.js';
import { WatchController } from './watch-page.js';

const CUTS = 20;

/** Counts until it is cancelled. */
const counting = handlerTask(
  async (task) => {
    for (let n = 1; ; n++) {
      await task.sendEvent('n', n);
      await task.sleep(2);
    }
  },
  { name: 'counting' },
);

/** A page that has started a task, or has found one, and watches it. */
async function watchInPage(browser: Browser, app: TaskApp, id?: string): Promise<Page> {
  const page = await browser.newPage();
  closeLater(() => page.close());
  await page.goto(`${app.origin}/watch/page`);
  await page.evaluate((given) => (globalThis as unknown as InPage).watch(given), { name: 'counting', id });
  return page;
}

function idOf(page: Page): Promise<string> {
  return page.evaluate(() => (globalThis as unknown as InPage).watched.run.id);
}

function eventsOf(page: Page): Promise<RunEvent[]> {
  return page.evaluate(() => (globalThis as unknown as InPage).watched.events);
}

/** Waits until it has got another event. */
async function getsMore(page: Page): Promise<void> {
  const { length } = await eventsOf(page);
  await page.waitForFunction(
    (count) => (globalThis as unknown as InPage).watched.events.length > count,
    { polling: 5 },
    length,
  );
}

describeWithFirefox('the client in Firefox', (executablePath) => {
  let browser: Browser;
  /** The ids that the streams were asked for with. */
  let asked: unknown[];

  beforeAll(async () => {
    browser = await launchFirefox(executablePath);
  }, 60_000);
  afterAll(() => browser.close());

  function serve(): Promise<TaskApp> {
    asked = [];
    return createTaskApp({
      tasks: [counting],
      controllers: [ClientController, WatchController],
      forceCloseConnections: true,
      options: { http: { start: true, retry: 1 }, replay: { events: 100_000 } },
      configure: (nest) =>
        nest.use(({ headers }: IncomingMessage, _: unknown, next: () => void) => {
          if (headers.accept === 'text/event-stream') asked.push(headers['last-event-id']);
          next();
        }),
    });
  }

  it('starts a task, watches it over lost connections without a hole or a repeat, and cancels it', async () => {
    const app = await serve();
    const page = await watchInPage(browser, app);
    await getsMore(page);
    for (let cut = 1; cut <= CUTS; cut++) {
      (app.app.getHttpServer() as Server).closeAllConnections();
      await eventually(() => expect(asked).toHaveLength(cut + 1));
      await getsMore(page);
    }
    const { outcome, connections } = await page.evaluate(async () => {
      const { run, ...watched } = (globalThis as unknown as InPage).watched;
      await run.cancel('enough');
      return { outcome: await run.outcome(), connections: watched.connections };
    });
    expect(outcome).toEqual({ status: 'cancelled', reason: 'external_cancellation', detail: 'enough' });
    await eventually(async () => expect((await eventsOf(page)).at(-1)?.type).toBe('cancelled'));
    const events = await eventsOf(page);
    expect(events.map(({ id }) => Number(id.split('-')[1]))).toEqual(range(1, events.length));
    const numbers = events.filter(({ type }) => type === 'n').map(({ data }) => data);
    expect(numbers).toEqual(range(1, events.length - 2));
    expect(connections.filter((connection) => connection === 'reconnecting')).toHaveLength(CUTS);
    expect(asked).toHaveLength(CUTS + 1);
    expect(asked[0]).toBeUndefined();
    expect(asked.slice(1).every((id) => events.some((event) => event.id === id))).toBe(true);
    const task = { app: 'test', name: 'counting', id: await idOf(page) };
    expect(await app.coordinator.get(task)).toMatchObject({
      status: 'cancelled',
      cancellation: { detail: 'enough' },
    });
  });

  it('a page that is left or loaded again cancels nothing, and comes back to all events', async () => {
    const app = await serve();
    const { id } = await app.coordinator.start(counting, {});
    const task = { app: 'test', name: 'counting', id };
    const watchers = async (count: number): Promise<void> =>
      eventually(async () => expect(await app.coordinator.get(task)).toMatchObject({ watchers: count }));
    const first = await watchInPage(browser, app, id);
    await getsMore(first);
    await first.reload();
    await watchers(0);
    const second = await watchInPage(browser, app, id);
    await getsMore(second);
    await watchers(1);
    await second.close();
    await watchers(0);
    expect(await app.coordinator.get(task)).toMatchObject({ status: 'running' });
    const third = await watchInPage(browser, app, id);
    await app.coordinator.cancelTask(task);
    await eventually(async () => expect((await eventsOf(third)).at(-1)?.type).toBe('cancelled'));
    const events = await eventsOf(third);
    expect(events.map((event) => Number(event.id.split('-')[1]))).toEqual(range(1, events.length));
  });
});

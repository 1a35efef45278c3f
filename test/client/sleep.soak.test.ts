/** A page that sleeps, in Chromium: what it is told comes from the browser itself. */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { RunEvent, StreamingClientOptions } from 'nestjs-streaming/client';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Browser, CDPSession, Page } from 'puppeteer-core';
import { describeWithChromium } from '../support/browsers/chromium.js';
import { SilentProxy } from '../support/programs/silent-proxy.js';
import { launchSleepyChromium } from '../support/browsers/sleepy-chromium.js';
import { eventually } from '../support/wait.js';
import {
  closeLater,
  createTaskApp,
  expectWatchers,
  type Puppet,
  PuppetTask,
  quiet,
  range,
} from '../support/watching.js';
import { ClientController } from './client-controller.js';
import type { InPage, Watching } from './page/watch.js';
import { WatchController } from './watch-page.js';

/** What a page is told, in this order. */
interface Told {
  readonly told: string[];
}

/** A page that watches a task. */
class Tab {
  constructor(readonly page: Page) {}

  async watch(given: Watching): Promise<void> {
    await this.page.evaluate((watching) => (globalThis as unknown as InPage).watch(watching), given);
  }

  events(): Promise<RunEvent[]> {
    return this.page.evaluate(() => (globalThis as unknown as InPage).watched.events);
  }

  connections(): Promise<string[]> {
    return this.page.evaluate(() => (globalThis as unknown as InPage).watched.connections);
  }

  /** Waits until the page has the first so many events: each once and in order. */
  async has(count: number): Promise<void> {
    await eventually(async () => expect((await this.events()).length).toBeGreaterThanOrEqual(count));
    expect((await this.events()).map(({ id }) => Number(id.split('-')[1]))).toEqual(range(1, count));
  }
}

/** A page that has the first four events of a task, and the network between it and the application. */
class Scene extends Tab {
  /** The id of the last event that the page had at first. */
  last = '';

  private constructor(
    readonly puppet: Puppet,
    page: Page,
    private readonly name: string,
    readonly network: SilentProxy,
    /** The ids that the streams were asked for with. */
    readonly asked: readonly unknown[],
    private readonly devtools: CDPSession,
    private readonly server: Server,
  ) {
    super(page);
  }

  static async open(browser: Browser, options: Watching['options'] = {}): Promise<Scene> {
    const task = new PuppetTask();
    const asked: unknown[] = [];
    const app = await createTaskApp({
      tasks: [task.type],
      controllers: [ClientController, WatchController],
      forceCloseConnections: true,
      options: { http: { retry: 1 }, replay: { events: 10_000 } },
      configure: (nest) =>
        nest.use(({ headers }: IncomingMessage, response: ServerResponse, next: () => void) => {
          if (headers.accept === 'text/event-stream') asked.push(headers['last-event-id']);
          // What is open is the stream, and nothing that the browser would use again.
          else response.setHeader('connection', 'close');
          next();
        }),
    });
    const network = new SilentProxy({ host: '127.0.0.1', port: app.port });
    const port = await network.listen();
    // A context has a window of its own.
    const context = await browser.createBrowserContext();
    closeLater(async () => {
      await context.close();
      await network.close();
    });
    const page = await context.newPage();
    await page.goto(`http://127.0.0.1:${port}/watch/page`);
    await page.evaluate(() => {
      const told: string[] = [];
      const { document } = globalThis as unknown as { document: EventTarget };
      const tell = ({ type }: Event): unknown => told.push(type);
      for (const type of ['freeze', 'resume', 'visibilitychange']) document.addEventListener(type, tell);
      const window = globalThis as unknown as EventTarget;
      for (const type of ['offline', 'online', 'pagehide', 'pageshow']) window.addEventListener(type, tell);
      Object.assign(globalThis, { told });
    });
    const puppet = await task.start(app);
    const server = app.app.getHttpServer() as Server;
    const scene = new Scene(puppet, page, task.name, network, asked, await page.createCDPSession(), server);
    await scene.watch({ name: task.name, id: puppet.id, options });
    puppet.count(3);
    await scene.has(4);
    scene.last = (await scene.events()).at(-1)?.id ?? '';
    return scene;
  }

  /** Another page of the same browser that watches the task. */
  async openTab(options: Partial<StreamingClientOptions>): Promise<Tab> {
    const page = await this.page.browserContext().newPage();
    await page.goto(this.page.url());
    const tab = new Tab(page);
    await tab.watch({ name: this.name, id: this.puppet.id, options });
    return tab;
  }

  told(): Promise<string[]> {
    return this.page.evaluate(() => (globalThis as unknown as Told).told);
  }

  /** Its window is put away. */
  async hide(): Promise<void> {
    await this.#setWindow('minimized');
    await eventually(async () => expect(await this.told()).toContain('visibilitychange'));
  }

  async show(): Promise<void> {
    await this.#setWindow('normal');
  }

  /** Its window is put away, then nothing of it runs. */
  async fallAsleep(): Promise<void> {
    await this.hide();
    await this.devtools.send('Page.setWebLifecycleState', { state: 'frozen' });
    await eventually(async () => expect(await this.told()).toContain('freeze'));
  }

  async wakeUp(): Promise<void> {
    await this.devtools.send('Page.setWebLifecycleState', { state: 'active' });
    await this.show();
  }

  /** Every connection is closed. */
  cut(): void {
    this.server.closeAllConnections();
  }

  /** It was asked for what follows the last event, once. */
  expectResumed(): void {
    expect(this.asked).toEqual([undefined, this.last]);
  }

  /** Nothing comes twice, and nothing comes late. */
  async end(count: number): Promise<void> {
    await this.puppet.end();
    await this.has(count);
    expect((await this.connections()).at(-1)).toBe('ended');
  }

  async #setWindow(windowState: 'minimized' | 'normal'): Promise<void> {
    const { windowId } = await this.devtools.send('Browser.getWindowForTarget');
    await this.devtools.send('Browser.setWindowBounds', { windowId, bounds: { windowState } });
  }
}

describeWithChromium('the client in a page that sleeps (Chromium)', (executablePath) => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchSleepyChromium(executablePath);
  });
  afterAll(() => browser.close());

  it('has at once what came meanwhile', async () => {
    const scene = await Scene.open(browser);
    await scene.fallAsleep();
    scene.puppet.count(1_000);
    await new Promise((resolve) => setTimeout(resolve, quiet));
    await scene.has(4);
    await scene.wakeUp();
    await scene.has(1_004);
    // Chromium gives the page nothing more of a stream on which something came meanwhile.
    scene.expectResumed();
    await scene.end(1_005);
  });

  it('opens at once what was cut meanwhile', async () => {
    const scene = await Scene.open(browser);
    await scene.fallAsleep();
    scene.cut();
    scene.puppet.count(1_000);
    await new Promise((resolve) => setTimeout(resolve, quiet));
    await scene.has(4);
    await scene.wakeUp();
    await scene.has(1_004);
    scene.expectResumed();
    await scene.end(1_005);
  });

  it('opens at once a connection that is dead, of which nobody was told', async () => {
    const scene = await Scene.open(browser);
    await scene.fallAsleep();
    scene.network.hush();
    scene.puppet.count(1_000);
    await scene.wakeUp();
    await scene.has(1_004);
    scene.expectResumed();
    await scene.end(1_005);
  });

  it('opens it at once when it is shown again, too, after a heartbeat was missed', async () => {
    const scene = await Scene.open(browser);
    await scene.hide();
    scene.network.hush();
    scene.puppet.count(1_000);
    // A quarter of an hour later.
    await scene.page.evaluate(() => {
      const now = Date.now.bind(Date);
      Date.now = () => now() + 900_000;
    });
    await scene.show();
    await scene.has(1_004);
    scene.expectResumed();
    await scene.end(1_005);
  });

  it('goes on when the network is back', async () => {
    const scene = await Scene.open(browser);
    await scene.page.setOfflineMode(true);
    scene.cut();
    await eventually(async () => expect((await scene.connections()).at(-1)).toBe('offline'));
    scene.puppet.count(1_000);
    await scene.page.setOfflineMode(false);
    await scene.has(1_004);
    scene.expectResumed();
    await scene.end(1_005);
  });

  it('goes on when it comes back from the back/forward cache, and watches nothing while it is there', async () => {
    const scene = await Scene.open(browser);
    await scene.page.goto(`${scene.page.url()}?another`);
    await expectWatchers(scene.puppet, 0);
    scene.puppet.count(1_000);
    await scene.page.goBack();
    await scene.has(1_004);
    expect(await scene.told()).toContain('pageshow');
    scene.expectResumed();
    await scene.end(1_005);
  });

  it('gives the shared connection to another tab meanwhile, and joins it when it comes back', async () => {
    const options = { shareTabs: true, retry: { min: 5, max: 20 } };
    const scene = await Scene.open(browser, options);
    const away = scene.page.url();
    await scene.page.goto(`${away}?another`);
    await expectWatchers(scene.puppet, 0);
    const other = await scene.openTab(options);
    await other.has(4);
    scene.puppet.count(1_000);
    await other.has(1_004);
    await scene.page.goBack();
    await scene.has(1_004);
    expect(await scene.told()).toContain('pageshow');
    // The other one had it from the beginning; what this one had missed it read by itself, then joined.
    scene.puppet.count(1);
    await Promise.all([scene.has(1_005), other.has(1_005)]);
    await expectWatchers(scene.puppet, 1);
    expect(scene.asked.slice(0, 3)).toEqual([undefined, undefined, scene.last]);
    await scene.end(1_006);
    await other.has(1_006);
  });
});

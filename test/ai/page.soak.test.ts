import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Type } from '@nestjs/common';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { bundle } from '../support/programs/bundle.js';
import { Instances } from '../bullmq/support/instances.js';
import { describeWithChromium, launchChromium } from '../support/browsers/chromium.js';
import { pageController } from '../support/programs/page-controller.js';
import { describeWithRedis } from '../support/programs/redis.js';
import { eventually } from '../support/wait.js';
import { closeLater, createTaskApp, type TaskApp, type TaskAppOptions } from '../support/watching.js';
import { Speaker } from './model.js';

const ChatPage = pageController(bundle(join(import.meta.dirname, 'page/main.ts')));

interface InPage {
  readonly localStorage: object;
  readonly shown: string[];
  hide(): void;
  show(): void;
}

/** A chat in a page of a real application, whose model says what the test says. */
class Chat {
  private constructor(
    readonly app: TaskApp,
    readonly speaker: Speaker,
    readonly context: BrowserContext,
    public page: Page,
  ) {}

  /** @param start makes the instance that the page is of. Default one alone, where the tasks run too */
  static async open(
    browser: Browser,
    start: (app: TaskAppOptions, type: Type) => Promise<TaskApp> = (app, type) =>
      createTaskApp({ ...app, tasks: [type] }),
  ): Promise<Chat> {
    const speaker = new Speaker();
    const served: TaskAppOptions = {
      controllers: [ChatPage],
      options: { http: { start: true, list: true, retry: 1 } },
      forceCloseConnections: true,
      listen: true,
    };
    const app = await start(served, speaker.type);
    const context = await browser.newContext();
    closeLater(() => context.close());
    context.setDefaultTimeout(20_000);
    const chat = new Chat(app, speaker, context, await context.newPage());
    await chat.page.goto(`${app.origin}/page`);
    return chat;
  }

  /** Asks, and has the model begin its answer. */
  async ask(): Promise<void> {
    await this.press('Send');
    await eventually(() => expect(this.speaker.asked).toHaveLength(1));
    this.speaker.say('Hello');
    await this.shows('streaming: user: Hello? | assistant: Hello');
  }

  async press(name: string): Promise<void> {
    await this.page.getByRole('button', { name }).click();
  }

  async shows(text: string): Promise<void> {
    await this.page.locator('output', { hasText: text }).waitFor();
  }

  shown(): Promise<string[]> {
    return this.page.evaluate(() => (globalThis as unknown as InPage).shown);
  }

  async task(): Promise<{ status: string; watchers: number; finalValue: unknown }> {
    const { items } = await this.app.coordinator.list();
    expect(items.length).toBeGreaterThan(0);
    return items[0]!;
  }
}

describeWithChromium('a chat in a page', (executablePath) => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchChromium(executablePath);
  });
  afterAll(() => browser.close());

  it('shows an answer as it comes', async () => {
    const chat = await Chat.open(browser);
    await chat.ask();
    chat.speaker.say(', world');
    await chat.shows('assistant: Hello, world');
    chat.speaker.finish();
    await chat.shows('ready: user: Hello? | assistant: Hello, world');
    expect(await chat.task()).toMatchObject({ status: 'completed' });
    // Nothing is left to go on with.
    expect(
      await chat.page.evaluate(() => Object.keys((globalThis as unknown as InPage).localStorage)),
    ).toEqual(['messages']);
  });

  it('goes on after a reload in mid-answer where the text was, and shows nothing twice', async () => {
    const chat = await Chat.open(browser);
    await chat.ask();
    for (let word = 0; word < 50; word++) chat.speaker.say(` ${word}`);
    await chat.shows('assistant: Hello 0 1 2');
    await chat.shows(' 49');
    await chat.page.reload();
    await chat.shows('streaming: user: Hello? | assistant: Hello 0 1');
    chat.speaker.say(' and on');
    await chat.shows(' and on');
    chat.speaker.finish();
    await chat.shows('ready: user: Hello? | assistant: Hello 0 1');
    const answer = `user: Hello? | assistant: Hello${Array.from({ length: 50 }, (_, word) => ` ${word}`).join('')}`;
    // From the first render on it was as long as before the reload.
    expect([...new Set(await chat.shown())]).toEqual([answer, `${answer} and on`]);
    expect(chat.speaker).toMatchObject({ aborted: 0 });
    expect(chat.speaker.asked).toHaveLength(1);
  });

  it('ends the task and the request of the model when it is stopped, and keeps the text', async () => {
    const chat = await Chat.open(browser);
    await chat.ask();
    await chat.press('Stop');
    await chat.shows('ready: user: Hello? | assistant: Hello');
    await eventually(async () => expect(await chat.task()).toMatchObject({ status: 'cancelled' }));
    expect(chat.speaker.aborted).toBe(1);
    await chat.page.reload();
    await chat.shows('ready: user: Hello? | assistant: Hello');
  });

  it('only stops watching when the tab is closed; another tab shows the whole answer', async () => {
    const chat = await Chat.open(browser);
    await chat.ask();
    await chat.page.close();
    await eventually(async () => expect(await chat.task()).toMatchObject({ watchers: 0, status: 'running' }));
    chat.speaker.say(', world');
    chat.page = await chat.context.newPage();
    await chat.page.goto(`${chat.app.origin}/page`);
    await chat.shows('streaming: user: Hello? | assistant: Hello, world');
    await chat.page.close();
    chat.speaker.say('!');
    chat.speaker.finish();
    await eventually(async () => expect(await chat.task()).toMatchObject({ status: 'completed' }));
    expect(chat.speaker.aborted).toBe(0);
    chat.page = await chat.context.newPage();
    await chat.page.goto(`${chat.app.origin}/page`);
    await chat.shows('ready: user: Hello? | assistant: Hello, world!');
  });

  it('only stops watching when its component is unmounted, and goes on when it is mounted again', async () => {
    const chat = await Chat.open(browser);
    await chat.ask();
    await chat.page.evaluate(() => (globalThis as unknown as InPage).hide());
    await eventually(async () => expect(await chat.task()).toMatchObject({ watchers: 0, status: 'running' }));
    chat.speaker.say(', world');
    await chat.page.evaluate(() => (globalThis as unknown as InPage).show());
    await chat.shows('streaming: user: Hello? | assistant: Hello, world');
    await eventually(async () => expect(await chat.task()).toMatchObject({ watchers: 1 }));
    await chat.press('Stop');
    await eventually(async () => expect(await chat.task()).toMatchObject({ status: 'cancelled' }));
    expect(chat.speaker.aborted).toBe(1);
  });

  it('shows what the model has failed with, and answers anew', async () => {
    const chat = await Chat.open(browser);
    await chat.ask();
    chat.speaker.fail(new Error('out of words'));
    await chat.shows('error: user: Hello?');
    await eventually(async () => expect(await chat.task()).toMatchObject({ status: 'failed' }));
    await chat.press('Again');
    await eventually(() => expect(chat.speaker.asked).toHaveLength(2));
    chat.speaker.say('Better');
    chat.speaker.finish();
    await chat.shows('ready: user: Hello? | assistant: Better');
  });

  describeWithRedis('of two instances', [], (server) => {
    it('goes on after a reload and is stopped, though the task runs on the other one', async () => {
      const chat = await Chat.open(browser, async (app, type) => {
        const instances = new Instances(server, [type]);
        await instances.start();
        return instances.startWeb(app);
      });
      await chat.ask();
      chat.speaker.say(', world');
      await chat.page.reload();
      await chat.shows('streaming: user: Hello? | assistant: Hello, world');
      chat.speaker.say('!');
      await chat.shows('assistant: Hello, world!');
      await chat.press('Stop');
      await chat.shows('ready: user: Hello? | assistant: Hello, world!');
      await eventually(async () => expect(await chat.task()).toMatchObject({ status: 'cancelled' }));
      await eventually(() => expect(chat.speaker.aborted).toBe(1));
    });
  });
});

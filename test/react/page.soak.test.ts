import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Type } from '@nestjs/common';
import type { TaskContext } from 'nestjs-streaming';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { z } from 'zod';
import { handlerTask } from '../support/app.js';
import { bundle } from '../support/programs/bundle.js';
import { describeWithChromium, launchChromium } from '../support/browsers/chromium.js';
import { pageController } from '../support/programs/page-controller.js';
import { eventually } from '../support/wait.js';
import { closeLater, createTaskApp, expectWatchers, PuppetTask, type TaskApp } from '../support/watching.js';
import type { Harness, Rendered, Shown } from './page/main.js';

const TaskPage = pageController(bundle(join(import.meta.dirname, 'page/main.ts')));

interface InPage {
  readonly harness: Harness;
}

/** The page of a real application, with what it asked for. No error may be reported in it. */
class Shower {
  readonly faults: string[] = [];
  private constructor(
    readonly app: TaskApp,
    readonly page: Page,
    /** The streams that were asked for. */
    readonly streams: readonly string[],
  ) {}

  static async open(browser: Browser, task: PuppetTask, ...more: readonly Type[]): Promise<Shower> {
    const streams: string[] = [];
    const app = await createTaskApp({
      tasks: [task.type, ...more],
      controllers: [TaskPage],
      options: { http: { start: true, list: true, retry: 1 } },
      forceCloseConnections: true,
      configure: (nest) =>
        nest.use(({ url, headers }: IncomingMessage, _: unknown, next: () => void) => {
          if (headers.accept === 'text/event-stream') streams.push(url ?? '');
          next();
        }),
    });
    const page = await browser.newPage();
    closeLater(() => page.close());
    page.setDefaultTimeout(20_000);
    const shower = new Shower(app, page, streams);
    page.on('pageerror', (error) => shower.faults.push(String(error)));
    page.on('console', (line) => {
      if (['error', 'warning'].includes(line.type())) shower.faults.push(line.text());
    });
    await page.goto(`${app.origin}/page`);
    await page.waitForFunction(() => 'harness' in globalThis);
    return shower;
  }

  async show(shown: Shown): Promise<void> {
    await this.page.evaluate((what) => (globalThis as unknown as InPage).harness.show(what), shown);
  }

  renders(): Promise<Rendered[]> {
    return this.page.evaluate(() => (globalThis as unknown as InPage).harness.renders);
  }

  async shows(text: string | RegExp): Promise<void> {
    await this.page.locator('section', { hasText: text }).waitFor();
  }
}

describeWithChromium('the hooks in a page', (executablePath) => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchChromium(executablePath);
  });
  afterAll(() => browser.close());

  it('show a task to its end', async () => {
    const task = new PuppetTask();
    const shower = await Shower.open(browser, task);
    const { id, ...puppet } = await task.start(shower.app);
    await shower.show({ kind: 'task', name: task.name, id });
    await shower.shows('running 0');
    puppet.count(3);
    await shower.shows('running 3');
    await puppet.end();
    await shower.shows('completed 3 completed');
    const renders = await shower.renders();
    expect(renders[0]).toMatchObject({ of: id, status: undefined, connection: 'idle', events: 0, state: 0 });
    expect(renders.at(-1)).toMatchObject({ connection: 'ended', events: 5 });
    expect(shower.streams).toHaveLength(1);
    expect(shower.faults).toEqual([]);
  });

  it('open one connection in Strict Mode, however often they are rendered; an unmount cancels nothing', async () => {
    const task = new PuppetTask();
    const shower = await Shower.open(browser, task);
    const puppet = await task.start(shower.app);
    for (let turn = 0; turn < 20; turn++) {
      await shower.show({ kind: 'task', name: task.name, id: puppet.id, throttle: turn, isStrict: true });
    }
    puppet.count(2);
    await shower.shows('running 2');
    expect((await shower.renders()).at(-1)).toMatchObject({ events: 3, connection: 'live' });
    await expectWatchers(puppet, 1);
    expect(shower.streams).toHaveLength(1);
    await shower.show({ kind: 'nothing', name: task.name, isStrict: true });
    await expectWatchers(puppet, 0);
    expect(await puppet.handle.snapshot()).toMatchObject({ status: 'running' });
    await puppet.end();
    expect(shower.faults).toEqual([]);
  });

  it('show nothing of the task before when the id is another one, and watch nothing without an id', async () => {
    const task = new PuppetTask();
    const shower = await Shower.open(browser, task);
    const [first, second] = [await task.start(shower.app), await task.start(shower.app)];
    first.count(7);
    await shower.show({ kind: 'task', name: task.name, id: null });
    await shower.show({ kind: 'task', name: task.name, id: first.id });
    await shower.shows('running 7');
    await shower.show({ kind: 'task', name: task.name, id: second.id });
    await shower.shows('running 0');
    await expectWatchers(first, 0);
    second.count(1);
    await second.end();
    await shower.shows('completed 1');
    await shower.show({ kind: 'task', name: task.name, id: null });
    await eventually(async () => expect((await shower.renders()).at(-1)).toMatchObject({ of: null }));
    for (const { of, id, state, events, status } of await shower.renders()) {
      expect(id ?? null).toBe(of);
      if (of === second.id) expect(state).toBeLessThan(2);
      if (of === null) expect([state, events, status]).toEqual([0, 0, undefined]);
    }
    await first.end();
    expect(shower.streams).toHaveLength(2);
    expect(shower.faults).toEqual([]);
  });

  it('render no more often than they are told to, but the end at once', async () => {
    const task = new PuppetTask();
    const shower = await Shower.open(browser, task);
    const puppet = await task.start(shower.app);
    await shower.show({ kind: 'task', name: task.name, id: puppet.id, throttle: 60_000 });
    await expectWatchers(puppet, 1);
    await eventually(async () => expect((await shower.renders()).length).toBeGreaterThan(1));
    for (let turn = 0; turn < 10; turn++) {
      puppet.count(5);
      await puppet.stored();
    }
    const { length } = await shower.renders();
    expect(length).toBeLessThan(4);
    await puppet.end();
    await shower.shows('completed 50');
    expect((await shower.renders()).length).toBe(length + 1);
  });

  it('show a cancellation in its phases', async () => {
    const task = new PuppetTask({ stubborn: true, grace: 60_000 });
    const shower = await Shower.open(browser, task);
    const puppet = await task.start(shower.app);
    await shower.show({ kind: 'task', name: task.name, id: puppet.id, isStrict: true });
    await shower.shows('running');
    await shower.page.getByRole('button', { name: 'Cancel' }).click();
    await shower.shows('cancelling');
    await puppet.fail(puppet.context.signal.reason);
    await shower.shows('cancelled 0 cancelled');
    const phases = (await shower.renders()).map(({ phase }) => phase);
    expect(phases.filter((phase, index) => phase !== phases[index - 1])).toEqual([
      'requested',
      'accepted',
      'cleaning-up',
      'ended',
    ]);
    expect(shower.faults).toEqual([]);
  });

  it('start a task, and say what is wrong with its input by field', async () => {
    const started: unknown[] = [];
    const Count = handlerTask(async (task: TaskContext<{ to: number }>) => started.push(task.input), {
      name: 'CountTask',
      input: z.object({ to: z.number() }),
    });
    const task = new PuppetTask();
    const shower = await Shower.open(browser, task, Count);
    await shower.show({ kind: 'form', name: 'CountTask', isStrict: true });
    await shower.page.getByRole('button', { name: 'Wrong' }).click();
    await shower.shows('to is wrong');
    await shower.page.getByRole('button', { name: 'Right' }).click();
    await shower.shows('fine');
    await eventually(() => expect(started).toEqual([{ to: 10 }]));
    // The browser's own line for the answer of 400.
    expect(shower.faults.filter((fault) => !fault.includes('400'))).toEqual([]);
  });

  it('list tasks, those too that start later, on one connection in Strict Mode', async () => {
    const task = new PuppetTask();
    const shower = await Shower.open(browser, task);
    const [first, second] = [await task.start(shower.app), await task.start(shower.app)];
    await shower.show({ kind: 'list', name: task.name, isStrict: true });
    await shower.shows(`${second.id} running -${first.id} running -`);
    await eventually(() => expect(shower.streams).toHaveLength(1));
    await first.context.progress(30);
    await shower.shows(`${first.id} running 30`);
    const third = await task.start(shower.app);
    await shower.shows(`${third.id} running -${second.id} running -`);
    await shower.page.getByRole('button', { name: 'More' }).click();
    await shower.shows(`${third.id} running -${second.id} running -${first.id} running`);
    for (const puppet of [first, second, third]) await puppet.end();
    await eventually(async () => expect(await shower.page.locator('li').count()).toBe(0));
    expect(shower.faults).toEqual([]);
  });
});

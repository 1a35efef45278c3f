import { expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import type { Locks } from '../../../lib/client/share/messages.js';
import { describeWithChromium } from '../../support/browsers/chromium.js';
import { eventually } from '../../support/wait.js';
import { PuppetTask, range } from '../../support/watching.js';
import {
  ended,
  hasHeard,
  newTab,
  seqsOf,
  serve,
  tabOf,
  useContexts,
  watch,
  type WithTabs,
} from './shared-tabs.js';

describeWithChromium('tabs that share', (executablePath) => {
  const newContext = useContexts(executablePath);

  it('have one connection, and each has every event once and in order', async () => {
    const task = new PuppetTask();
    const app = await serve(task);
    const puppet = await task.start(app);
    puppet.count(100);
    const context = await newContext();
    const tabs = [await newTab(app, context), await newTab(app, context), await newTab(app, context)];
    await Promise.all(tabs.map((page) => watch(page, task, [puppet.id])));
    await Promise.all(tabs.map((page) => hasHeard(page, puppet.id, 101)));
    await eventually(() => expect(app.open.size).toBe(1));
    puppet.count(100);
    await puppet.end();
    for (const page of tabs) {
      expect(seqsOf(await ended(page, puppet.id))).toEqual(range(1, 202));
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
    await watch(first, task, [one.id]);
    await hasHeard(first, one.id, 1_001);
    await watch(second, task, [two.id, one.id]);
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
      expect(seqsOf(await ended(page, id))).toEqual(range(1, count));
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
      await watch(holder, task, [puppet.id]);
      puppet.count(10);
      await hasHeard(holder, puppet.id, 11);
      const others = [await newTab(app, context), await newTab(app, context)];
      await Promise.all(others.map((page) => watch(page, task, [puppet.id])));
      await Promise.all(others.map((page) => hasHeard(page, puppet.id, 11)));
      await eventually(() => expect(app.open.size).toBe(1));
      puppet.count(10);
      await (how === 'is closed' ? holder.close() : holder.goto('about:blank'));
      puppet.count(10);
      await Promise.all(others.map((page) => hasHeard(page, puppet.id, 31)));
      await eventually(() => expect(app.open.size).toBe(1));
      await puppet.end();
      for (const page of others) {
        expect(seqsOf(await ended(page, puppet.id))).toEqual(range(1, 32));
      }
    },
  );

  it('go on when the connection is lost, each where it was', async () => {
    const task = new PuppetTask();
    const app = await serve(task);
    const puppet = await task.start(app);
    const context = await newContext();
    const tabs = [await newTab(app, context), await newTab(app, context)];
    await Promise.all(tabs.map((page) => watch(page, task, [puppet.id])));
    for (let cut = 0; cut < 10; cut++) {
      puppet.count(10);
      await Promise.all(tabs.map((page) => hasHeard(page, puppet.id, 10 * cut + 5)));
      for (const response of app.open) response.destroy();
    }
    await puppet.end();
    for (const page of tabs) {
      expect(seqsOf(await ended(page, puppet.id))).toEqual(range(1, 102));
    }
  });

  it('are each told that a task is unknown, alone and among others', async () => {
    const task = new PuppetTask();
    const app = await serve(task);
    const puppet = await task.start(app);
    const context = await newContext();
    const [first, second] = [await newTab(app, context), await newTab(app, context)];
    await watch(first, task, [puppet.id]);
    await hasHeard(first, puppet.id, 1);
    await watch(second, task, ['unknown']);
    await eventually(async () => expect((await tabOf(second, 'unknown')).failure).toBe('TASK_NOT_FOUND'));
    await watch(second, task, [puppet.id, 'another']);
    await eventually(async () => expect((await tabOf(second, 'another')).failure).toBe('TASK_NOT_FOUND'));
    await puppet.end();
    await ended(second, puppet.id);
  });

  it('hold up no other when one does not read, and it gets all of it later', async () => {
    const task = new PuppetTask();
    const app = await serve(task);
    const puppet = await task.start(app);
    const context = await newContext();
    const [first, slow] = [await newTab(app, context), await newTab(app, context)];
    await watch(first, task, [puppet.id]);
    await watch(slow, task, [puppet.id]);
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
      expect(seqsOf(await ended(page, puppet.id))).toEqual(range(1, 3_002));
    }
  });

  it('ask for a thousand events at a time where one is slow', async () => {
    const task = new PuppetTask();
    const app = await serve(task);
    const puppet = await task.start(app);
    puppet.count(2_000);
    await puppet.stored();
    const context = await newContext();
    const slow = await newTab(app, context);
    await watch(slow, task, [puppet.id], { pace: 1 });
    await hasHeard(slow, puppet.id, 2_001);
    await puppet.end();
    expect(seqsOf(await ended(slow, puppet.id))).toEqual(range(1, 2_002));
    expect(app.asked.length).toBeLessThan(8);
  });

  it('stay open, and use up no try, when another tab gets the connection', async () => {
    const task = new PuppetTask();
    const app = await serve(task);
    const [one, two] = [await task.start(app), await task.start(app)];
    const context = await newContext();
    // The lock goes from tab to tab in this order, and to the one that stays at last.
    const holders = [await newTab(app, context), await newTab(app, context), await newTab(app, context)];
    for (const holder of holders) {
      await watch(holder, task, [one.id]);
      await hasHeard(holder, one.id, 1);
    }
    const page = await newTab(app, context);
    await watch(page, task, [one.id, two.id], { retry: { attempts: 1 } });
    await hasHeard(page, two.id, 1);
    for (const [n, holder] of holders.entries()) {
      await holder.close();
      one.count(1);
      await hasHeard(page, one.id, 2 + n);
      await eventually(() => expect(app.open.size).toBe(1));
    }
    await Promise.all([one.end(), two.end()]);
    for (const [id, last] of [
      [one.id, 5],
      [two.id, 2],
    ] as const) {
      const tab = await ended(page, id);
      expect(seqsOf(tab)).toEqual(range(1, last));
      expect(tab.connections).toEqual(['connecting', 'live', 'ended']);
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
    await watch(first, task, [puppet.id]);
    await hasHeard(first, puppet.id, 1);
    await Promise.all([second, third].map((page) => watch(page, task, [puppet.id])));
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
      `nestjs-streaming 1 ${app.url}/`,
    );
    const page = await newTab(app, context);
    await watch(page, task, [puppet.id]);
    await hasHeard(page, puppet.id, 1);
    await puppet.end();
    await ended(page, puppet.id);
    expect(app.asked).toHaveLength(1);
  });
});

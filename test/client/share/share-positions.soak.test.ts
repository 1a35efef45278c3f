/** Tabs that share, where each begins elsewhere in a task. */
import { expect, it } from '@jest/globals';
import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import { endWith, mergeMap, type Observable, of } from 'rxjs';
import { describeWithChromium } from '../../support/browsers/chromium.js';
import { eventually } from '../../support/wait.js';
import { type Puppet, PuppetTask, range } from '../../support/watching.js';
import { ended, hasHeard, isLive, newTab, seqsOf, serve, tabOf, useContexts, watch } from './shared-tabs.js';

/** Sums up what was counted. */
const summing = (): PuppetTask =>
  new PuppetTask({
    state: {
      initial: 0,
      reduce: (sum: unknown, { type, data }) => Number(sum) + (type === 'n' ? Number(data) : 0),
    },
  });

/** Puts another message behind each event of a stream. */
class Repeating implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler<object>): Observable<object> {
    const events = next.handle();
    return context.getHandler().name === 'watch' || context.getHandler().name === 'watchAll'
      ? events.pipe(mergeMap((event) => of(event).pipe(endWith({ type: 'added', data: { added: true } }))))
      : events;
  }
}

describeWithChromium('tabs that share and begin at different places', (executablePath) => {
  const newContext = useContexts(executablePath);

  async function counted(
    task: PuppetTask,
    count: number,
  ): Promise<[Puppet, Awaited<ReturnType<typeof serve>>]> {
    const app = await serve(task);
    const puppet = await task.start(app);
    puppet.count(count);
    await puppet.stored();
    return [puppet, app];
  }

  it.each(['latest', 'state'] as const)('have the history beside one that begins with "%s"', async (from) => {
    const task = summing();
    const [puppet, app] = await counted(task, 50);
    const context = await newContext();
    const [first, second, third] = [
      await newTab(app, context),
      await newTab(app, context),
      await newTab(app, context),
    ];
    await watch(first, task, [puppet.id], { from });
    await isLive(first, puppet.id);
    await watch(second, task, [puppet.id]);
    await hasHeard(second, puppet.id, 51);
    await watch(third, task, [puppet.id], { from });
    await isLive(third, puppet.id);
    puppet.count(10);
    // All have caught up with each other by then.
    await Promise.all([hasHeard(first, puppet.id, 10), hasHeard(third, puppet.id, 10)]);
    await hasHeard(second, puppet.id, 61);
    puppet.count(10);
    await puppet.end();
    expect(seqsOf(await ended(second, puppet.id))).toEqual(range(1, 72));
    for (const page of [first, third]) {
      const { types, ...heard } = await ended(page, puppet.id);
      // "latest" begins with the newest event; the state has its id.
      expect(seqsOf(heard)).toEqual(range(51, 72));
      expect(types[0]).toBe(from === 'latest' ? 'n' : 'state');
    }
    await eventually(() => expect(app.open.size).toBe(0));
  });

  it('have what comes next of a quiet task that another has watched for long', async () => {
    const task = new PuppetTask();
    const [puppet, app] = await counted(task, 20);
    const context = await newContext();
    const [first, second] = [await newTab(app, context), await newTab(app, context)];
    await watch(first, task, [puppet.id]);
    await hasHeard(first, puppet.id, 21);
    await watch(second, task, [puppet.id], { from: 'latest' });
    await isLive(second, puppet.id);
    puppet.count(5);
    await puppet.end();
    expect(seqsOf(await ended(second, puppet.id))).toEqual(range(21, 27));
    expect(seqsOf(await ended(first, puppet.id))).toEqual(range(1, 27));
  });

  it('go on with one connection when they have caught up', async () => {
    const task = new PuppetTask();
    const [puppet, app] = await counted(task, 1_000);
    const context = await newContext();
    const pages = [await newTab(app, context), await newTab(app, context), await newTab(app, context)];
    for (const [at, page] of pages.entries()) {
      await watch(page, task, [puppet.id]);
      await hasHeard(page, puppet.id, 1_001 + 5 * at);
      puppet.count(5);
    }
    await eventually(() => expect(app.open.size).toBe(1));
    puppet.count(5);
    await puppet.end();
    for (const page of pages) expect(seqsOf(await ended(page, puppet.id))).toEqual(range(1, 1_022));
  });

  it('know the end of a task that had ended where they begin, while others run', async () => {
    const task = new PuppetTask();
    const app = await serve(task);
    const [running, over] = [await task.start(app), await task.start(app)];
    await over.end();
    const { lastEventId } = await over.handle.snapshot();
    const context = await newContext();
    const [first, second] = [await newTab(app, context), await newTab(app, context)];
    await watch(first, task, [running.id]);
    await hasHeard(first, running.id, 1);
    await watch(second, task, [over.id], { after: lastEventId ?? '' });
    expect((await ended(second, over.id)).ids).toEqual([]);
    await running.end();
    await ended(first, running.id);
  });

  it('have few connections for many tasks', async () => {
    const task = new PuppetTask();
    const app = await serve(task);
    const puppets = await Promise.all(range(1, 20).map(() => task.start(app)));
    for (const puppet of puppets) puppet.count(10);
    const ids = puppets.map(({ id }) => id);
    const context = await newContext();
    const [first, second] = [await newTab(app, context), await newTab(app, context)];
    for (const page of [first, second]) {
      await watch(page, task, ids);
      for (const id of ids) await hasHeard(page, id, 11);
    }
    for (const puppet of puppets) puppet.count(10);
    for (const id of ids) await hasHeard(second, id, 21);
    await eventually(() => expect(app.open.size).toBe(1));
    expect(app.counted.most).toBeLessThan(5);
    await Promise.all(puppets.map((puppet) => puppet.end()));
    for (const page of [first, second])
      for (const id of ids) expect(seqsOf(await ended(page, id))).toEqual(range(1, 22));
  });

  it('share one connection in the end, wherever each has begun', async () => {
    const task = summing();
    const app = await serve(task);
    const puppets = await Promise.all(range(1, 3).map(() => task.start(app)));
    for (const puppet of puppets) puppet.count(10);
    const [one, two, three] = puppets.map(({ id }) => id) as [string, string, string];
    const context = await newContext();
    const page = await newTab(app, context);
    await watch(page, task, [one]);
    await watch(page, task, [two], { from: 'latest' });
    await watch(page, task, [three], { from: 'state' });
    for (const id of [one, two, three]) await hasHeard(page, id, 1);
    await eventually(() => expect(app.open.size).toBe(1));
    for (const puppet of puppets) {
      puppet.count(10);
      await puppet.end();
    }
    expect(seqsOf(await ended(page, one))).toEqual(range(1, 22));
    for (const id of [two, three]) expect(seqsOf(await ended(page, id))).toEqual(range(11, 22));
  });

  it('are told of an id that a query escapes and a path does not', async () => {
    const task = new PuppetTask();
    const app = await serve(task);
    const puppet = await task.start(app);
    const ids = ["it's", 'a b', 'ä(1)!*'];
    const context = await newContext();
    const pages = [await newTab(app, context), await newTab(app, context)];
    for (const page of pages) {
      await watch(page, task, [puppet.id, ...ids]);
      await hasHeard(page, puppet.id, 1);
      for (const id of ids)
        await eventually(async () => expect((await tabOf(page, id)).failure).toBe('INVALID_TASK_ID'));
    }
    puppet.count(10);
    await puppet.end();
    for (const page of pages) expect(seqsOf(await ended(page, puppet.id))).toEqual(range(1, 12));
  });

  it('have what an interceptor adds, once', async () => {
    const task = new PuppetTask();
    const app = await serve(task, undefined, { interceptors: [new Repeating()] });
    const puppet = await task.start(app);
    const context = await newContext();
    const [first, second] = [await newTab(app, context), await newTab(app, context)];
    await watch(first, task, [puppet.id]);
    await hasHeard(first, puppet.id, 2);
    puppet.count(3);
    await hasHeard(first, puppet.id, 8);
    await watch(second, task, [puppet.id]);
    // It goes on with the other when it has the same event, as when it opens its stream again.
    await hasHeard(second, puppet.id, 7);
    puppet.count(3);
    await hasHeard(second, puppet.id, 13);
    await puppet.end();
    for (const page of [first, second]) {
      const { ids, types } = await ended(page, puppet.id);
      expect(seqsOf({ ids: ids.filter((_id, at) => types[at] !== 'added') })).toEqual(range(1, 8));
      expect(types.slice(-7)).toEqual(['n', 'added', 'n', 'added', 'n', 'added', 'completed']);
    }
  });
});

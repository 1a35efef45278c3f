/** Tabs that share, where the server refuses a stream. */
import { expect, it } from '@jest/globals';
import { describeWithChromium } from '../../support/browsers/chromium.js';
import { eventually } from '../../support/wait.js';
import { PuppetTask, range } from '../../support/watching.js';
import { ended, hasHeard, newTab, seqsOf, serve, tabOf, useContexts, watch } from './shared-tabs.js';

describeWithChromium('tabs that share and are refused', (executablePath) => {
  const newContext = useContexts(executablePath);

  it('wait as long as the server asks them to', async () => {
    const task = new PuppetTask();
    const refusedAt: number[] = [];
    let isAway = true;
    const app = await serve(task, (_request, response) => {
      if (!isAway) return;
      refusedAt.push(performance.now());
      response.writeHead(503, { 'retry-after': '1' }).end('{"message":"Not now"}');
    });
    const puppet = await task.start(app);
    const context = await newContext();
    const [first, second] = [await newTab(app, context), await newTab(app, context)];
    await watch(first, task, [puppet.id]);
    await eventually(() => expect(refusedAt).toHaveLength(1));
    await watch(second, task, [puppet.id]);
    await eventually(async () => {
      expect((await tabOf(second, puppet.id)).connections).toContain('reconnecting');
    });
    const before = refusedAt.length;
    const [asked = 0] = refusedAt.slice(-1);
    await eventually(() => expect(refusedAt.length).toBeGreaterThan(before + 1));
    // Two tabs ask, each at most once a second: of three requests two are those of one tab.
    expect((refusedAt[before + 1] ?? 0) - asked).toBeGreaterThan(900);
    isAway = false;
    puppet.count(5);
    await puppet.end();
    for (const page of [first, second]) expect(seqsOf(await ended(page, puppet.id))).toEqual(range(1, 7));
  });

  it('ask by themselves, with their own headers, where the one that holds the connection may not watch', async () => {
    const task = new PuppetTask();
    const app = await serve(task, ({ headers }, response) => {
      if (headers.authorization === 'Bearer good') return;
      response.writeHead(401).end('{"code":"UNAUTHORIZED","message":"Who are you?"}');
    });
    const puppet = await task.start(app);
    const context = await newContext();
    const [first, second] = [await newTab(app, context), await newTab(app, context)];
    await watch(first, task, [puppet.id], { headers: { authorization: 'Bearer old' } });
    await eventually(async () => expect((await tabOf(first, puppet.id)).failure).toBe('UNAUTHORIZED'));
    await watch(second, task, [puppet.id], { headers: { authorization: 'Bearer good' } });
    await hasHeard(second, puppet.id, 1);
    puppet.count(5);
    await puppet.end();
    expect(seqsOf(await ended(second, puppet.id))).toEqual(range(1, 7));
  });

  it('are not open where the answer is a page', async () => {
    const task = new PuppetTask();
    let isAway = true;
    let answers = 0;
    const app = await serve(task, (_request, response) => {
      if (!isAway) return;
      answers += 1;
      response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Sign in</h1>');
    });
    const puppet = await task.start(app);
    const context = await newContext();
    const page = await newTab(app, context);
    await watch(page, task, [puppet.id]);
    await eventually(() => expect(answers).toBeGreaterThan(3));
    expect((await tabOf(page, puppet.id)).connections).toEqual(['connecting', 'reconnecting']);
    isAway = false;
    await hasHeard(page, puppet.id, 1);
    await puppet.end();
    expect(seqsOf(await ended(page, puppet.id))).toEqual(range(1, 2));
  });

  it.each([500, 403])('lose nothing when one task has the server answer %i for all', async (status) => {
    const task = new PuppetTask();
    const app = await serve(task, ({ url }, response) => {
      if (url?.includes('bad')) response.writeHead(status).end('{"code":"NO","message":"No"}');
    });
    const [one, two] = [await task.start(app), await task.start(app)];
    const context = await newContext();
    const [first, second] = [await newTab(app, context), await newTab(app, context)];
    for (const page of [first, second]) {
      await watch(page, task, [one.id, two.id]);
      for (const { id } of [one, two]) await hasHeard(page, id, 1);
    }
    await watch(second, task, ['bad'], { retry: { min: 20, max: 50, attempts: 8 } });
    await eventually(async () => expect((await tabOf(second, 'bad')).failure).toBeDefined());
    const { failure } = await tabOf(second, 'bad');
    expect(failure).toMatch(status === 403 ? /^NO$/ : /StreamingConnectionError/);
    one.count(10);
    two.count(10);
    for (const page of [first, second]) for (const { id } of [one, two]) await hasHeard(page, id, 11);
    await eventually(() => expect(app.open.size).toBe(1));
    await Promise.all([one.end(), two.end()]);
    for (const page of [first, second]) {
      for (const { id } of [one, two]) {
        const tab = await ended(page, id);
        expect(seqsOf(tab)).toEqual(range(1, 12));
        expect(tab.connections.filter((each) => each === 'reconnecting').length).toBeLessThan(3);
      }
    }
  });

  it('go on with another page of the server when it answers anew', async () => {
    const task = new PuppetTask();
    let isAway = false;
    const app = await serve(task, (_request, response) => {
      if (isAway) response.writeHead(502, { 'content-type': 'text/html' }).end('<h1>Bad gateway</h1>');
    });
    const puppet = await task.start(app);
    const context = await newContext();
    const pages = [await newTab(app, context), await newTab(app, context)];
    for (const page of pages) {
      await watch(page, task, [puppet.id]);
      await hasHeard(page, puppet.id, 1);
    }
    isAway = true;
    const before = app.asked.length;
    for (const response of app.open) response.destroy();
    await eventually(() => expect(app.asked.length).toBeGreaterThan(before + 5));
    puppet.count(5);
    isAway = false;
    await puppet.end();
    for (const page of pages) expect(seqsOf(await ended(page, puppet.id))).toEqual(range(1, 7));
  });
});

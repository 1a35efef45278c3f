import { describe, expect, it } from '@jest/globals';
import { Relay } from '../support/clients/relay.js';
import { eventually } from '../support/wait.js';
import { expectWatchers, PuppetTask, range, seqOf, watchersOf } from '../support/watching.js';
import { clientOf, readAll, rejectionOf, serve, typesOf } from './support.js';

describe('the events of a run', () => {
  it('come each once and in order, to the end', async () => {
    const task = new PuppetTask();
    const app = await serve(task);
    const puppet = await task.start(app);
    const run = clientOf(app).task('test', task.name).attach(puppet.id);
    const reading = readAll(run);
    await eventually(() => expect(run.connection).toBe('live'));
    puppet.count(3);
    await puppet.end(7);
    const events = await reading;
    expect(typesOf(events)).toEqual(['started', 'n', 'n', 'n', 'completed']);
    expect(events.map(seqOf)).toEqual(range(1, 5));
    expect(events[1]).toEqual({ id: expect.any(String), type: 'n', data: 1 });
    expect(await run.outcome()).toEqual({ status: 'completed', value: 7 });
    expect(run).toMatchObject({ status: 'completed', connection: 'ended', lastEventId: events[4]?.id });
  });

  it('go on where they were when the connection is cut', async () => {
    const task = new PuppetTask();
    const app = await serve(task);
    const puppet = await task.start(app);
    const relay = await Relay.open(app.port);
    const run = clientOf({ url: `${relay.origin}/stream` })
      .task({ app: 'test', name: task.name })
      .attach(puppet.id);
    const reading = readAll(run);
    for (let cuts = 0; cuts < 5; cuts++) {
      await eventually(() => expect(run.connection).toBe('live'));
      puppet.count(2);
      relay.cut();
      puppet.count(2);
    }
    await puppet.end();
    expect((await reading).map(seqOf)).toEqual(range(1, 22));
  });

  it('begin behind a position, at the newest, or where the first loop began', async () => {
    const task = new PuppetTask();
    const app = await serve(task);
    const puppet = await task.start(app);
    puppet.count(3);
    await puppet.end();
    const type = clientOf(app).task('test', task.name);
    const whole = await readAll(type.attach(puppet.id));
    const after = whole[1]?.id ?? '';
    const run = type.attach(puppet.id, { after });
    expect(await readAll(run)).toEqual(whole.slice(2));
    expect(await readAll(run)).toEqual(whole.slice(2));
    expect(await readAll(run.events({ from: 'latest' }))).toEqual(whole.slice(4));
    expect(await readAll(run.events({ after: whole[2]?.id ?? '' }))).toEqual(whole.slice(3));
    expect(await readAll(run.events({ after: whole[4]?.id ?? '' }))).toEqual([]);
  });

  it('are a gap where the server no longer has them', async () => {
    const task = new PuppetTask();
    const app = await serve(task, { replay: { events: 2 } });
    const puppet = await task.start(app);
    puppet.count(5);
    await puppet.end();
    const events = await readAll(clientOf(app).task('test', task.name).attach(puppet.id));
    expect(typesOf(events)).toEqual(['gap', 'n', 'completed']);
    expect(events[0]).toMatchObject({
      data: { cause: 'expired', missed: 5, snapshot: { status: 'completed' } },
    });
  });

  it('stop with a break, which closes the connection and cancels nothing', async () => {
    const task = new PuppetTask();
    const app = await serve(task);
    const puppet = await task.start(app);
    const run = clientOf(app).task('test', task.name).attach(puppet.id);
    for await (const { type } of run) {
      expect(type).toBe('started');
      expect(await watchersOf(puppet)).toBe(1);
      break;
    }
    expect(run.connection).toBe('idle');
    await expectWatchers(puppet, 0);
    expect(puppet.handle.status).toBe('running');
  });

  it('end at once when the loop is ended while it waits', async () => {
    const task = new PuppetTask();
    const app = await serve(task);
    const puppet = await task.start(app);
    const events = clientOf(app).task('test', task.name).attach(puppet.id).events();
    await events.next();
    const next = events.next();
    expect(await events.return?.()).toEqual({ done: true, value: undefined });
    expect(await next).toEqual({ done: true, value: undefined });
    expect(await events.next()).toEqual({ done: true, value: undefined });
    await expectWatchers(puppet, 0);
  });

  it.each(['before', 'while it connects', 'while it waits'])(
    'reject when the signal aborts %s',
    async (when) => {
      const task = new PuppetTask();
      const app = await serve(task);
      const puppet = await task.start(app);
      const run = clientOf(app).task('test', task.name).attach(puppet.id);
      const leaving = new AbortController();
      if (when === 'before') leaving.abort(new RangeError('left'));
      const events = run.events({ signal: leaving.signal });
      if (when === 'while it waits') await events.next();
      const next = rejectionOf(events.next());
      leaving.abort(new RangeError('left'));
      expect(await next).toEqual(new RangeError('left'));
      expect(await events.next()).toEqual({ done: true, value: undefined });
      expect(run.connection).toBe('idle');
      await expectWatchers(puppet, 0);
      expect(puppet.handle.status).toBe('running');
    },
  );

  it('are not read faster than they are taken, and fall behind into a gap', async () => {
    const task = new PuppetTask();
    const app = await serve(task, { replay: { events: 10 } });
    const puppet = await task.start(app);
    const run = clientOf(app).task('test', task.name).attach(puppet.id);
    const events = run.events();
    await events.next();
    const text = 'x'.repeat(200_000);
    for (let sent = 0; sent < 100; sent++) puppet.send('text', text);
    await puppet.end();
    const rest = await readAll(events);
    const taken = rest.filter(({ type }) => type === 'text').length;
    // The sockets and the client's own buffers hold some of the 20 MB.
    expect(taken).toBeLessThan(80);
    expect(typesOf(rest)).toContain('gap');
    expect(rest.at(-1)?.type).toBe('completed');
  });
});

describe('what is asked of a run', () => {
  it('starts it, by PUT and by POST', async () => {
    const task = new PuppetTask();
    const app = await serve(task);
    const type = clientOf(app).task('test', task.name);
    const named = await type.start({ n: 1 }, { id: 'mine' });
    expect(named).toMatchObject({ app: 'test', name: task.name, id: 'mine', connection: 'idle' });
    expect((await type.start({ n: 1 }, { id: 'mine' })).id).toBe('mine');
    const run = await type.start({ n: 2 });
    expect(run.id).toMatch(/^[\da-f-]{36}$/);
    expect(['pending', 'running']).toContain(run.status);
    await eventually(() => expect(task.calls).toBe(2));
    expect(await run.cancel('enough')).toBe(true);
    expect(await run.outcome()).toEqual({
      status: 'cancelled',
      reason: 'external_cancellation',
      detail: 'enough',
    });
    expect(await run.cancel()).toBe(false);
    expect(await run.signal('go', { on: true })).toBe(false);
    expect(await named.cancel('now', { wait: 10_000 })).toMatchObject({ status: 'cancelled' });
    expect(await named.outcome()).toMatchObject({ status: 'cancelled', detail: 'now' });
    expect(named.connection).toBe('idle');
  });

  it('runs, for who has come in the middle and sees no start', async () => {
    const task = new PuppetTask();
    const app = await serve(task);
    const puppet = await task.start(app);
    puppet.count(1);
    const run = clientOf(app).task('test', task.name).attach(puppet.id);
    expect(run.status).toBeUndefined();
    const outcome = run.outcome();
    await eventually(() => expect(run.status).toBe('running'));
    await puppet.end();
    expect(await outcome).toMatchObject({ status: 'completed' });
    expect(run.status).toBe('completed');
  });

  it('sends signals, and asks how it stands', async () => {
    const task = new PuppetTask();
    const app = await serve(task);
    const puppet = await task.start(app);
    const run = clientOf(app).task('test', task.name).attach(puppet.id);
    const got = puppet.context.waitForSignal('go');
    expect(await run.signal('go', { on: true })).toBe(true);
    expect(await got).toEqual({ on: true });
    await puppet.context.progress(40);
    expect(await run.snapshot()).toMatchObject({
      id: puppet.id,
      status: 'running',
      progress: { percent: 40 },
    });
    expect(run).toMatchObject({ status: 'running', progress: { percent: 40 }, connection: 'idle' });
  });

  it('is not sent for an id that a URL would take for a folder', () => {
    const type = clientOf({ url: 'http://127.0.0.1:1' }).task('test', 'Task');
    for (const id of ['', '.', '..']) expect(() => type.attach(id)).toThrow(TypeError);
  });
});

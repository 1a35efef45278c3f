import { describe, expect, it } from '@jest/globals';
import { sides } from '../../../support/app/sides.js';
import {
  createTaskApp,
  epochOf,
  expectNoHole,
  outline,
  PuppetTask,
  range,
  resumeAfter,
  seqOf,
  type TaskApp,
  watch,
} from '../../../support/watching.js';

describe.each(sides)('resuming ($name)', (side) => {
  async function serve(task = new PuppetTask(), options = {}): Promise<[PuppetTask, TaskApp]> {
    return [task, await createTaskApp({ ...side, tasks: [task.type], options })];
  }

  it('S9 a watcher that comes back gets what follows, kept or being sent, and nothing twice', async () => {
    const [task, app] = await serve();
    const puppet = await task.start(app);
    puppet.count(9);
    await puppet.stored();
    const first = await watch(puppet.url);
    await first.nextEvents(4);
    const epoch = epochOf(first.events[0]!);
    await first.close();

    const kept = await resumeAfter(puppet.url, `${epoch}-4`);
    const live = await resumeAfter(puppet.url, `${epoch}-10`);
    puppet.count(3);
    await puppet.end();
    await Promise.all([kept.ended, live.ended]);
    expect(outline(kept)).toEqual(range(5, 14));
    expect(outline(live)).toEqual(range(11, 14));
  });

  it('S10 a position older than the log gives one gap, with the number missed, before anything else', async () => {
    const [task, app] = await serve(new PuppetTask({ replay: { events: 4 } }));
    const puppet = await task.start(app);
    const early = await watch(puppet.url);
    const { id = '' } = await early.next('started');
    puppet.count(20);
    await puppet.stored();
    const late = await resumeAfter(puppet.url, id);
    const gap = await late.next();
    expect(gap).toMatchObject({
      type: 'gap',
      id: `${epochOf({ id })}-17`,
      data: { cause: 'expired', missed: 16, snapshot: { id: puppet.id, status: 'running' } },
    });
    await late.nextEvents(4);
    await puppet.end();
    await late.ended;
    expect(outline(late)).toEqual(['expired', 18, 19, 20, 21, 22]);
  });

  it('S10 a new watcher of a log that was trimmed is told what it missed, too', async () => {
    const [task, app] = await serve(new PuppetTask({ replay: { events: 2 } }));
    const puppet = await task.start(app);
    puppet.count(5);
    await puppet.stored();
    const stream = await watch(puppet.url);
    expect((await stream.next('gap')).data).toMatchObject({ cause: 'expired', missed: 4 });
    await stream.nextEvents(2);
    expect(outline(stream)).toEqual(['expired', 5, 6]);
  });

  it('S10 the id of a gap is a position of its own', async () => {
    const [task, app] = await serve(new PuppetTask({ replay: { events: 3 } }));
    const puppet = await task.start(app);
    puppet.count(9);
    await puppet.stored();
    const stream = await watch(puppet.url);
    const { id = '' } = await stream.next('gap');
    const again = await resumeAfter(puppet.url, id);
    await again.nextEvents(3);
    expect(outline(again)).toEqual([8, 9, 10]);
  });

  it('S12 the newest position of a running task replays nothing and goes on live', async () => {
    const [task, app] = await serve();
    const puppet = await task.start(app);
    puppet.count(3);
    await puppet.stored();
    const { lastEventId } = await puppet.handle.snapshot();
    const stream = await resumeAfter(puppet.url, lastEventId ?? '');
    puppet.count(1);
    expect(await stream.next()).toMatchObject({ type: 'n', data: 4 });
    expect(outline(stream)).toEqual([5]);
  });

  it('S14 a position of another epoch gives a gap and all that is kept, even when its seq lies inside', async () => {
    const [task, app] = await serve();
    const before = await task.start(app, { id: 'again' });
    before.count(3);
    await before.end();
    const { lastEventId } = await before.handle.snapshot();
    const puppet = await task.start(app, { id: 'again', restart: true });
    puppet.count(7);
    await puppet.stored();
    const stream = await resumeAfter(puppet.url, lastEventId ?? '');
    await puppet.end();
    await stream.ended;
    expect(outline(stream)).toEqual(['restarted', ...range(1, 9)]);
    expect(stream.events[0]).toMatchObject({ data: { cause: 'restarted', missed: null } });
    expect(seqOf(stream.events[0]!)).toBe(0);
    expect(epochOf(stream.events[0]!)).toBe(epochOf(stream.events[1]!));
  });

  it('S15 a position of another task is none here, and nothing on the stream speaks of that task', async () => {
    const [task, app] = await serve();
    const other = await task.start(app, { id: 'the-other-one' });
    other.count(3);
    await other.stored();
    const { lastEventId } = await other.handle.snapshot();
    const puppet = await task.start(app);
    puppet.count(1);
    await puppet.stored();
    const stream = await resumeAfter(puppet.url, lastEventId ?? '');
    await puppet.end();
    await stream.ended;
    expect(outline(stream)).toEqual(['unknown-id', 1, 2, 3]);
    expect(stream.raw).not.toContain('the-other-one');
    expect(stream.raw).not.toContain(epochOf({ id: lastEventId ?? '' }));
  });

  it.each([
    ['ahead of the log', (epoch: string) => `${epoch}-99`],
    ['malformed', () => 'not-an-id-at-all'],
    ['a number, as other servers number', () => '3'],
    ['half of one', (epoch: string) => `${epoch}-`],
    ['doubled', (epoch: string) => `${epoch}-1, ${epoch}-1`],
    ['negative', (epoch: string) => `${epoch}--1`],
    ['very long', () => 'x'.repeat(4_000)],
  ])('S14 an id that is %s gives a gap "unknown-id" and all that is kept', async (_what, idOf) => {
    const [task, app] = await serve();
    const puppet = await task.start(app);
    puppet.count(2);
    await puppet.stored();
    const { lastEventId } = await puppet.handle.snapshot();
    const lost = idOf(epochOf({ id: lastEventId ?? '' }));
    const stream = await resumeAfter(puppet.url, lost);
    await stream.nextEvents(4);
    expect(outline(stream)).toEqual(['unknown-id', 1, 2, 3]);
    expect(stream.events[0]?.data).toMatchObject({ cause: 'unknown-id', missed: null });
  });

  it('S17 an empty Last-Event-ID counts as absent, in the header and in the query', async () => {
    const [task, app] = await serve();
    const puppet = await task.start(app);
    const { lastEventId } = await puppet.handle.snapshot();
    const [header, query, both] = await Promise.all([
      resumeAfter(puppet.url, ''),
      watch(`${puppet.url}?lastEventId=`),
      watch(`${puppet.url}?lastEventId=${lastEventId}`, { headers: { 'last-event-id': '' } }),
    ]);
    puppet.count(1);
    expect([await header.next(), await query.next()].map(seqOf)).toEqual([1, 1]);
    // The header counts as absent, so the query is asked.
    expect(seqOf(await both.next())).toBe(2);
  });

  it('S19 the header wins over the query; without a header the query counts', async () => {
    const [task, app] = await serve();
    const puppet = await task.start(app);
    puppet.count(4);
    await puppet.stored();
    const { lastEventId } = await puppet.handle.snapshot();
    const epoch = epochOf({ id: lastEventId ?? '' });
    const stale = `${puppet.url}?lastEventId=${epoch}-1`;
    const [byHeader, byQuery, junkInQuery] = await Promise.all([
      resumeAfter(stale, `${epoch}-4`),
      watch(stale),
      resumeAfter(`${puppet.url}?lastEventId=junk`, `${epoch}-4`),
    ]);
    expect([await byHeader.next(), await byQuery.next(), await junkInQuery.next()].map(seqOf)).toEqual([
      5, 2, 5,
    ]);
  });

  it('S19 a query that names the id twice is no position, and no silent replay', async () => {
    const [task, app] = await serve();
    const puppet = await task.start(app);
    const { lastEventId } = await puppet.handle.snapshot();
    const stream = await watch(`${puppet.url}?lastEventId=${lastEventId}&lastEventId=${lastEventId}`);
    await stream.nextEvents(2);
    expect(outline(stream)).toEqual(['unknown-id', 1]);
  });

  it('S21 no hole is silent on a connection that falls behind again and again', async () => {
    const [task, app] = await serve(
      new PuppetTask({ replay: { events: 5, bytes: 4_000_000 }, maxEventBytes: 1_000_000 }),
    );
    const puppet = await task.start(app);
    const stream = await watch(puppet.url);
    await stream.next('started');
    for (let round = 0; round < 3; round++) {
      stream.pause();
      for (let n = 0; n < 40; n++) puppet.send('big', 'x'.repeat(400_000));
      puppet.send('mark', round);
      stream.resume();
      await stream.next((event) => event.type === 'mark' && event.data === round);
    }
    await puppet.end();
    await stream.ended;
    expectNoHole(stream.events);
    expect(stream.events.some(({ type }) => type === 'gap')).toBe(true);
  });

  it('S22 what is trimmed while it is replayed becomes a gap on that connection', async () => {
    const [task, app] = await serve(
      new PuppetTask({ replay: { events: 100, bytes: 50_000_000 }, maxEventBytes: 500_000 }),
    );
    const puppet = await task.start(app);
    for (let n = 0; n < 99; n++) puppet.send('big', 'x'.repeat(400_000));
    await puppet.stored();
    const stream = await watch(puppet.url);
    await stream.next('started');
    stream.pause();
    // The replay stands in the socket; meanwhile all that it would go on with is trimmed.
    puppet.count(100);
    await puppet.stored();
    stream.resume();
    await puppet.end();
    await stream.ended;
    expectNoHole(stream.events);
    const gaps = stream.events.filter(({ type }) => type === 'gap');
    expect(gaps.map(({ data }) => data)).toMatchObject([{ cause: 'expired' }]);
    expect(stream.events.at(-1)?.type).toBe('completed');
  });

  it('S24 a position can be used again, by two watchers or by one', async () => {
    const [task, app] = await serve();
    const puppet = await task.start(app);
    puppet.count(6);
    await puppet.stored();
    const { lastEventId } = await puppet.handle.snapshot();
    const position = `${epochOf({ id: lastEventId ?? '' })}-3`;
    const [one, two] = await Promise.all([
      resumeAfter(puppet.url, position),
      resumeAfter(puppet.url, position),
    ]);
    await one.nextEvents(4);
    await one.close();
    const again = await resumeAfter(puppet.url, position);
    await puppet.end();
    await Promise.all([two.ended, again.ended]);
    expect(two.events.map(({ id }) => id)).toEqual(again.events.map(({ id }) => id));
    expect(outline(two)).toEqual(range(4, 8));
  });

  it('S25 a gap is an ordinary event with data, and needs no header', async () => {
    const [task, app] = await serve(new PuppetTask({ replay: { events: 1 } }));
    const puppet = await task.start(app);
    puppet.count(3);
    await puppet.stored();
    const stream = await watch(puppet.url);
    const gap = await stream.next();
    expect(gap.type).toBe('gap');
    expect(gap.id).toMatch(/-3$/);
    expect(Object.keys(gap.data as object).toSorted()).toEqual(['cause', 'missed', 'snapshot']);
    expect(stream.raw).toMatch(/event: gap\ndata: \{.*\}\nid: [a-z0-9]+-3\n\n/);
  });

  it('S63 from=latest gives a new watcher the newest and what follows; a position wins over it', async () => {
    const [task, app] = await serve();
    const puppet = await task.start(app);
    puppet.count(5);
    await puppet.stored();
    const { lastEventId } = await puppet.handle.snapshot();
    const latest = await watch(`${puppet.url}?from=latest`);
    const resumed = await resumeAfter(`${puppet.url}?from=latest`, `${epochOf({ id: lastEventId ?? '' })}-3`);
    await puppet.end();
    await Promise.all([latest.ended, resumed.ended]);
    expect(outline(latest)).toEqual([6, 7]);
    expect(outline(resumed)).toEqual(range(4, 7));
    const over = await watch(`${puppet.url}?from=latest`);
    await over.ended;
    expect(over.events.map(({ type }) => type)).toEqual(['completed']);
  });
});

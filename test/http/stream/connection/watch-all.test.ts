import { describe, expect, it } from '@jest/globals';
import type { Server } from 'node:http';
import { Duplex } from 'node:stream';
import { call } from '../../../support/clients/http-client.js';
import type { SseEvent } from '../../../support/clients/sse.js';
import { eventsOf, pathOf, resumeMany, serveMany, urlOf, type Wrapped } from '../../../support/many-tasks.js';
import { eventually } from '../../../support/wait.js';
import {
  adapters,
  closeLater,
  expectNoHole,
  type Puppet,
  PuppetTask,
  range,
  watch,
} from '../../../support/watching.js';

/** The server's end of a connection whose client takes one write after the other. */
class SlowConnection extends Duplex {
  received = '';

  constructor() {
    super({ highWaterMark: 1, decodeStrings: true });
  }

  override _write(bytes: Buffer, _encoding: string, onTaken: () => void): void {
    this.received += bytes.toString('latin1');
    setImmediate(onTaken);
  }

  override _read(): void {}
}

const dataOf = ({ data }: SseEvent): unknown => data;

describe.each(adapters)('many tasks on one stream (%s)', (adapter) => {
  it('each event tells its task and its own id; each task is complete and in order', async () => {
    const { app, puppets } = await serveMany(adapter, 3);
    const [first, second, third] = puppets as [Puppet, Puppet, Puppet];
    first.count(2);
    const stream = await watch(urlOf(app, puppets));
    expect(stream.headers['content-type']).toBe('text/event-stream');
    await stream.nextEvents(5);
    second.send('n', { deep: ['grün', null] });
    third.send('text', 'a\nb');
    second.count(3);
    await stream.nextEvents(5);
    for (const puppet of puppets) {
      expect(await puppet.handle.snapshot()).toMatchObject({ watchers: 1 });
      await puppet.end({ ok: true });
    }
    expect(await stream.ended).toBe('complete');
    for (const puppet of puppets) {
      const alone = await watch(puppet.url);
      await alone.ended;
      const here = eventsOf(puppet, stream.events);
      expectNoHole(here);
      expect(here.map(({ id, type, data }) => ({ id, type, data }))).toEqual(
        alone.events.map(({ id, type, data }) => ({ id, type, data })),
      );
    }
    expect(eventsOf(second, stream.events).map(dataOf)).toContainEqual({ deep: ['grün', null] });
  });

  it('S9 from the id of any event all tasks go on, and nothing comes twice', async () => {
    const { app, puppets } = await serveMany(adapter, 3);
    const stream = await watch(urlOf(app, puppets));
    for (const n of range(1, 4)) for (const puppet of puppets) puppet.send('n', n);
    await stream.nextEvents(15);
    for (const puppet of puppets) await puppet.end();
    await stream.ended;
    expect(stream.events).toHaveLength(18);
    for (const [index, { id }] of stream.events.entries()) {
      const isLast = index === stream.events.length - 1;
      const again = await resumeMany(app, puppets, id!);
      expect(again.status).toBe(isLast ? 204 : 200);
      if (isLast) continue;
      await again.ended;
      for (const puppet of puppets) {
        const before = eventsOf(puppet, stream.events.slice(0, index + 1));
        expect([...before, ...eventsOf(puppet, again.events)].map((event) => event.id)).toEqual(
          eventsOf(puppet, stream.events).map((event) => event.id),
        );
      }
    }
  });

  it('a position is that of its task: in another order, with others, with less, and from a stream of one', async () => {
    const { app, puppets } = await serveMany(adapter, 3);
    const [first, second, third] = puppets as [Puppet, Puppet, Puppet];
    const stream = await watch(urlOf(app, [first, second]));
    await stream.nextEvents(2);
    const { lastEventId } = stream;
    for (const puppet of puppets) puppet.send('later', 1);

    const swapped = await resumeMany(app, [second, first], lastEventId!);
    const [one, two] = await swapped.nextEvents(2);
    expect([one!.type, two!.type]).toEqual(['later', 'later']);
    const added = await resumeMany(app, [third, first, second], lastEventId!);
    await added.nextEvents(4);
    expect(eventsOf(third, added.events).map(({ type }) => type)).toEqual(['started', 'later']);
    expect(eventsOf(first, added.events).map(({ type }) => type)).toEqual(['later']);
    const less = await resumeMany(app, [second], lastEventId!);
    expect((await less.next()).type).toBe('later');
    const replaced = await resumeMany(app, [second, third], lastEventId!);
    await replaced.nextEvents(3);
    expect(eventsOf(third, replaced.events).map(({ type }) => type)).toEqual(['started', 'later']);

    const alone = await watch(first.url);
    const { id } = await alone.next('started');
    const from = await resumeMany(app, [first], id!);
    expect((await from.next()).type).toBe('later');
  });

  it('S14 S15 a task that was restarted, or a position that is none, is a gap of that task alone', async () => {
    const { app, puppets, task } = await serveMany(adapter, 2);
    const [first, second] = puppets as [Puppet, Puppet];
    const stream = await watch(urlOf(app, puppets));
    await stream.nextEvents(2);
    const { lastEventId } = stream;
    await first.end();
    const again = await task.start(app, { id: first.id, restart: true });
    second.send('later', 1);

    const resumed = await resumeMany(app, [again, second], lastEventId!);
    await resumed.nextEvents(3);
    expect(eventsOf(again, resumed.events).map(({ type }) => type)).toEqual(['gap', 'started']);
    expect(eventsOf(again, resumed.events)[0]!.data).toMatchObject({ cause: 'restarted', missed: null });
    expect(eventsOf(second, resumed.events).map(({ type }) => type)).toEqual(['later']);
    for (const id of ['nonsense', '.', `${lastEventId}.${lastEventId}`, 'a'.repeat(3_000), 'zzzzzzzz-1']) {
      const lost = await resumeMany(app, [again, second], id);
      await lost.nextEvents(5);
      for (const puppet of [again, second]) {
        const types = eventsOf(puppet, lost.events).map(({ type }) => type);
        expect([id, types[0], types[1]]).toEqual([id, 'gap', 'started']);
      }
    }
  });

  it('a gap that the client has not got is told when it comes back, from whatever event', async () => {
    const { app, puppets, task } = await serveMany(adapter, 3);
    const [first, second, third] = puppets as [Puppet, Puppet, Puppet];
    const stream = await watch(urlOf(app, puppets));
    await stream.nextEvents(3);
    const { lastEventId } = stream;
    await Promise.all([first.end(), second.end()]);
    const anew = [
      await task.start(app, { id: first.id, restart: true }),
      await task.start(app, { id: second.id, restart: true }),
      third,
    ];
    third.send('later', 1);
    const resumed = await resumeMany(app, anew, lastEventId!);
    const seen = await resumed.nextEvents(5);
    for (const [index, { id }] of seen.entries()) {
      const before = seen.slice(0, index + 1);
      const back = await resumeMany(app, anew, id!);
      for (const puppet of anew) puppet.send('mark', index);
      await eventually(() => {
        expect(
          back.events.filter(({ type, data }) => type === 'mark' && (data as Wrapped).data === index),
        ).toHaveLength(3);
      });
      for (const puppet of anew.slice(0, 2)) {
        const gaps = [...before, ...back.events].filter(
          ({ type, data }) => type === 'gap' && (data as Wrapped).task === pathOf(puppet),
        );
        expect([index, gaps.length]).toEqual([index, 1]);
      }
      await back.close();
    }
  });

  it('S10 what was trimmed is a gap of its task, with the number missed', async () => {
    const { app, puppets } = await serveMany(adapter, 2, { replay: { events: 3 } });
    const [first, second] = puppets as [Puppet, Puppet];
    const stream = await watch(urlOf(app, puppets));
    await stream.nextEvents(2);
    const { lastEventId } = stream;
    await stream.close();
    first.count(5);
    second.count(1);
    const back = await resumeMany(app, puppets, lastEventId!);
    await back.nextEvents(5);
    expectNoHole(eventsOf(first, back.events), 1);
    expect(eventsOf(first, back.events)[0]!.data).toMatchObject({ cause: 'expired', missed: 2 });
    expect(eventsOf(second, back.events).map(({ type }) => type)).toEqual(['n']);
  });

  it('?from=latest gives the newest event of each, and ?lastEventId= counts without a header', async () => {
    const { app, puppets } = await serveMany(adapter, 2);
    for (const puppet of puppets) puppet.count(3);
    const stream = await watch(urlOf(app, puppets, '&from=latest'));
    const latest = await stream.nextEvents(2);
    expect(latest.map(({ data }) => (data as Wrapped).data)).toEqual([3, 3]);
    for (const puppet of puppets) puppet.count(1);
    const more = await watch(urlOf(app, puppets, `&lastEventId=${stream.lastEventId}`));
    expect((await more.nextEvents(2)).map(({ data }) => (data as Wrapped).data)).toEqual([4, 4]);
  });

  it('a list that is none, too long, doubled or malformed is refused', async () => {
    const { app, puppets } = await serveMany(adapter, 1);
    const [known] = puppets as [Puppet];
    const many = range(1, 101).map((n) => `test/none/${n}`);
    for (const [url, code] of [
      [`${app.url}/events`, 'INVALID_QUERY'],
      [urlOf(app, many), 'INVALID_QUERY'],
      [urlOf(app, [known, known]), 'INVALID_QUERY'],
      [urlOf(app, ['test/none']), 'INVALID_QUERY'],
      [urlOf(app, ['a/b/c/d']), 'INVALID_QUERY'],
      [urlOf(app, ['a/b/c\n']), 'INVALID_TASK_ID'],
      [urlOf(app, ['a/../c']), 'INVALID_TASK_ID'],
      [urlOf(app, [known], '&from=first'), 'INVALID_QUERY'],
    ] as const) {
      expect([url, await call('GET', url)]).toMatchObject([url, { status: 400, body: { code } }]);
    }
    expect(await known.handle.snapshot()).toMatchObject({ watchers: 0 });
  });

  it('a hundred tasks are one place, and one of each task', async () => {
    const { app, puppets } = await serveMany(adapter, 100, { http: { maxStreams: 2, maxStreamsPerTask: 1 } });
    const stream = await watch(urlOf(app, puppets));
    await stream.nextEvents(100);
    expect((await call('GET', puppets[42]!.url)).status).toBe(503);
    expect((await call('GET', urlOf(app, puppets.slice(40, 44)))).status).toBe(503);
    for (const puppet of puppets) puppet.count(3);
    await stream.nextEvents(300);
    for (const puppet of puppets) expectNoHole(eventsOf(puppet, stream.events));
    const back = await resumeMany(app, puppets, stream.events[249]!.id!);
    expect(back.status).toBe(200);
    await stream.close();
    await eventually(async () => {
      expect(await puppets[0]!.handle.snapshot()).toMatchObject({ watchers: 0 });
    });
    const again = await resumeMany(app, puppets, stream.events[249]!.id!);
    await again.nextEvents(150);
    for (const puppet of puppets) {
      const before = eventsOf(puppet, stream.events.slice(0, 250));
      expectNoHole([...before, ...eventsOf(puppet, again.events)]);
    }
  });

  it('S49 a client that does not read holds a bounded amount, and gets all of every task once it does', async () => {
    const { app, puppets } = await serveMany(
      adapter,
      2,
      {},
      new PuppetTask({ replay: { bytes: 30_000_000 } }),
    );
    const [first, second] = puppets as [Puppet, Puppet];
    const stream = await watch(urlOf(app, puppets));
    await stream.nextEvents(2);
    stream.pause();
    for (let n = 0; n < 60; n++) {
      first.send('big', 'x'.repeat(200_000));
      second.send('small', n);
    }
    stream.resume();
    await Promise.all([first.end(), second.end()]);
    expect(await stream.ended).toBe('complete');
    expectNoHole(eventsOf(first, stream.events));
    expectNoHole(eventsOf(second, stream.events));
    expect(stream.events).toHaveLength(124);
  });

  it('a slow client gets the events of all tasks in turns', async () => {
    const { app, puppets } = await serveMany(adapter, 2);
    const slow = new SlowConnection();
    closeLater(() => slow.destroy());
    (app.app.getHttpServer() as Server).emit('connection', slow);
    const { pathname, search } = new URL(urlOf(app, puppets));
    slow.push(`GET ${pathname}${search} HTTP/1.1\r\nHost: x\r\n\r\n`);
    const order = (): string[] => [...slow.received.matchAll(/"task":"(.*?)"/g)].map(([, task]) => task!);
    await eventually(() => order().length === 2);
    const chunks = 20;
    for (const puppet of puppets) {
      for (let n = 0; n < chunks; n++) puppet.send('large', 'x'.repeat(20_000));
    }
    await eventually(() => order().length === 2 * (1 + chunks));
    const half = order().slice(0, 1 + chunks);
    const ofFirst = half.filter((task) => task === pathOf(puppets[0]!));
    expect(Math.abs(ofFirst.length - half.length / 2)).toBeLessThan(2);
  });

  it('HEAD answers the headers and takes no place', async () => {
    const { app, puppets } = await serveMany(adapter, 2);
    const head = await watch(urlOf(app, puppets), { method: 'HEAD' });
    expect(head.status).toBe(200);
    expect(head.headers['content-type']).toBe('text/event-stream');
    expect(await puppets[0]!.handle.snapshot()).toMatchObject({ watchers: 0 });
  });
});

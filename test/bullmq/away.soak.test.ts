import { expect, it } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import type { TaskContext } from 'nestjs-streaming';
import { collect, handlerTask, type TaskApp } from '../support/app.js';
import { call, expectError } from '../support/clients/http-client.js';
import { watch } from '../support/clients/open-clients.js';
import { describeWithRedis, type RedisServer } from '../support/programs/redis.js';
import { eventually } from '../support/wait.js';
import { Instances } from './support/instances.js';
import { expectWhole } from './support/whole.js';

const eventStream = { headers: { accept: 'text/event-stream' } };
const http = { start: true, list: true, heartbeat: 100 };

/** How Redis goes away, and comes back with its data. What is only read may still be answered. */
interface Absence {
  leave(server: RedisServer): Promise<unknown>;
  comeBack(server: RedisServer): Promise<unknown>;
  readonly answersReads: boolean;
}

const absences: Readonly<Record<string, Absence>> = {
  hangs: {
    leave: async (server) => server.pause(),
    comeBack: async (server) => server.goOn(),
    answersReads: false,
  },
  'is down': {
    leave: (server) => server.kill(),
    comeBack: (server) => server.restart(),
    answersReads: false,
  },
  'is a replica': {
    leave: (server) => server.connect().call('REPLICAOF', '127.0.0.1', '1'),
    comeBack: (server) => server.connect().call('REPLICAOF', 'NO', 'ONE'),
    answersReads: true,
  },
  'is full': {
    leave: (server) => server.connect().config('SET', 'maxmemory', '1'),
    comeBack: (server) => server.connect().config('SET', 'maxmemory', '0'),
    answersReads: true,
  },
};

/** A task that counts until it is told to end, and how far it has come. */
class Counting {
  /** @param pause between two events, in milliseconds */
  constructor(readonly pause: number) {}

  readonly told = new Set<string>();
  readonly sent = new Map<string, number>();
  readonly calls: string[] = [];
  readonly type = handlerTask(async (task: TaskContext) => {
    this.calls.push(task.id);
    void task.waitForSignal('end').then(
      () => this.told.add(task.id),
      () => undefined,
    );
    for (let n = 0; !this.told.has(task.id); n++) {
      void task.sendEvent('n', n);
      this.sent.set(task.id, n + 1);
      await task.sleep(this.pause);
    }
    return this.sent.get(task.id);
  });
}

// Each thing that it was told is on disk before it answers: it comes back with what it had.
describeWithRedis('Redis that is away', ['--appendonly', 'yes', '--appendfsync', 'always'], (server) => {
  async function begin(): Promise<{ counting: Counting; web: TaskApp; urlOf: (id: string) => string }> {
    const counting = new Counting(5);
    const instances = new Instances(server, [counting.type]);
    const web = await instances.startWeb({ listen: true, options: { http } });
    await instances.start();
    const task = await web.coordinator.start(counting.type, {}, { id: 'one' });
    return { counting, web, urlOf: (id) => `${web.url}/test/${task.ref.name}/${id}` };
  }

  it.each(Object.entries(absences))(
    '%s: requests are answered with 503 in time, streams stay open, and nothing is lost or doubled when it is back',
    async (_how, { leave, comeBack, answersReads }) => {
      const { counting, web, urlOf } = await begin();
      const stream = await watch(urlOf('one'));
      await stream.next((event) => event.data === 20);
      await leave(server);
      const { comments } = stream;
      const sent = counting.sent.get('one')!;
      const began = performance.now();

      const writes: [string, string][] = [
        ['PUT', urlOf('two')],
        ['POST', urlOf('').slice(0, -1)],
        ['DELETE', urlOf('one')],
        ['POST', `${urlOf('one')}/signals/other`],
      ];
      const reads: [string, string][] = [
        ['GET', urlOf('one')],
        ['GET', `${urlOf('one')}/status`],
        ['GET', web.url],
        ['GET', `${web.url}/events?task=${urlOf('one').slice(web.url.length + 1)}`],
      ];
      const asked = answersReads ? writes : [...writes, ...reads];
      const answers = asked.map(async ([method, url]) => {
        const answer = await call(method, url, method === 'GET' ? {} : { json: {} });
        expectError(answer, 503, 'STORE_UNAVAILABLE');
        expect(answer.headers).toMatchObject({ 'retry-after': '5', 'cache-control': 'no-store' });
        expect(performance.now() - began).toBeLessThan(5_000);
      });
      const sources = answersReads ? [] : [reads[0]![1], reads[3]![1]];
      const refusals = sources.map(async (url) => {
        const answer = await call('GET', url, eventStream);
        expect(answer).toMatchObject({ status: 200, text: expect.stringMatching(/^\n?retry: \d+\n$/) });
        expect(performance.now() - began).toBeLessThan(5_000);
      });
      await Promise.all([...answers, ...refusals]);
      // In any case for longer than leases last.
      await eventually(() => performance.now() - began > 1_500);
      const away = performance.now() - began;
      expect(stream.comments - comments).toBeGreaterThan(away / 200);
      expect(counting.sent.get('one')! - sent).toBeGreaterThan(away / 50);
      expect(stream.isOpen).toBe(true);

      await comeBack(server);
      // What was refused is asked for again.
      await eventually(async () => (await call('PUT', urlOf('two'), { json: {} })).status < 300);
      const two = await watch(urlOf('two'));
      await two.next((event) => event.data === 10);
      expect((await call('DELETE', `${urlOf('two')}?wait=5000`)).body).toMatchObject({ status: 'cancelled' });
      await two.ended;
      expect(await call('POST', `${urlOf('one')}/signals/end`, { json: {} })).toMatchObject({ status: 202 });
      await stream.ended;

      expectWhole(stream.events);
      const total = counting.sent.get('one')!;
      expect(stream.events.filter(({ type }) => type === 'n').map(({ data }) => data)).toEqual(
        Array.from({ length: total }, (_event, n) => n),
      );
      expect(stream.events.at(-1)).toMatchObject({ type: 'completed', data: { finalValue: total } });
      expectWhole(two.events);
      for (const id of ['one', 'two']) expect(counting.calls.filter((each) => each === id)).toEqual([id]);
    },
  );

  it.each(['hangs', 'is down'])(
    '%s: each instance keeps what it runs, though all leases run out',
    async (how) => {
      const { leave, comeBack } = absences[how]!;
      const counting = new Counting(50);
      const instances = new Instances(server, [counting.type]);
      const web = await instances.startWeb();
      await Promise.all([instances.start(), instances.start()]);
      const tasks = await Promise.all(
        Array.from({ length: 40 }, async () => {
          const handle = await web.coordinator.start(counting.type, {});
          return { handle, events: collect(handle.events()) };
        }),
      );
      await Promise.all(tasks.map(({ events }) => events.until((event) => event.data === 20)));
      await leave(server);
      await delay(2_500);
      await comeBack(server);
      for (const { handle } of tasks)
        await eventually(async () => expect(await web.coordinator.signal(handle.ref, 'end')).toBe(true));
      for (const { handle, events } of tasks) {
        expect((await events.done).at(-1)).toMatchObject({
          type: 'completed',
          data: { finalValue: counting.sent.get(handle.id) },
        });
        expectWhole(events.events);
        expect(counting.calls.filter((id) => id === handle.id)).toHaveLength(1);
      }
    },
  );
});

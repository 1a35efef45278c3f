import { afterAll, afterEach, expect, it } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import { openStream, type SseEvent } from '../../support/clients/sse.js';
import { freePort } from '../../support/programs/free-port.js';
import { describeWithRedis, type RedisServer } from '../../support/programs/redis.js';
import { newPrefix } from '../../support/app/redis-engine.js';
import { eventually } from '../../support/wait.js';
import { type MemberProcess, MemberProcesses } from '../support/processes.js';
import { Random } from '../support/random.js';
import { expectWhole } from '../support/whole.js';

const processes = new MemberProcesses();
const drain = 300;
const timeout = 3_000;
/** The shortest that there is. */
const retention = 5_000;
const options = { lockDuration: 2_000, stalledInterval: 500, retention, shutdown: { drain, timeout } };

afterEach(() => processes.killAll());
afterAll(() => processes[Symbol.dispose]());

interface Work {
  readonly name: 'once' | 'resumed';
  readonly id: string;
  readonly events: number;
  readonly pause: number;
}

/** Three instances that are restarted, and clients that ask any of them. */
class Deployment {
  readonly prefix = newPrefix();
  readonly random = new Random();
  readonly #server: RedisServer;
  readonly #ports: number[] = [];
  readonly #members: MemberProcess[] = [];

  constructor(server: RedisServer) {
    this.#server = server;
  }

  async start(): Promise<void> {
    for (let n = 0; n < 3; n++) this.#ports.push(await freePort());
    await Promise.all(
      this.#ports.map(async (port, n) => {
        this.#members[n] = await processes.start(this.#server, this.prefix, { ...options, port });
      }),
    );
  }

  /** @returns how long the old process took to end, in milliseconds */
  async restart(n: number, next: MemberProcess): Promise<number> {
    await next.said('loaded');
    const began = performance.now();
    await this.stop(n);
    const took = performance.now() - began;
    this.#members[n] = next;
    await next.begin(this.#server, this.prefix, { ...options, port: this.#ports[n]! });
    return took;
  }

  async stop(n: number): Promise<void> {
    this.#members[n]!.signal('SIGTERM');
    await this.#members[n]!.ended();
  }

  urlOf({ name, id }: Work): string {
    return `http://127.0.0.1:${this.random.oneOf(this.#ports)}/stream/test/${name}/${id}`;
  }

  /** Asks one instance after the other until one takes it. */
  async run(work: Work): Promise<void> {
    const { events, pause } = work;
    const request = {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ body: 'rows', events, pause }),
    };
    await eventually(async () => (await fetch(this.urlOf(work), request)).ok);
  }

  /** Watches as an EventSource behind a load balancer does, but for its waits, to the end. */
  async watch(work: Work): Promise<Watched> {
    const events: SseEvent[] = [];
    for (let streams = 1; ; streams++) {
      const id = events.at(-1)?.id;
      const headers: Record<string, string> = id === undefined ? {} : { 'last-event-id': id };
      const stream = await eventually(async () => {
        const opened = await openStream(this.urlOf(work), { headers, timeout: 60_000 });
        expect([200, 204]).toContain(opened.status);
        return opened;
      });
      await stream.ended;
      events.push(...stream.events);
      if (stream.status === 204 || ['completed', 'cancelled', 'failed'].includes(events.at(-1)?.type ?? ''))
        return { work, events, streams };
    }
  }
}

interface Watched {
  readonly work: Work;
  readonly events: readonly SseEvent[];
  readonly streams: number;
}

describeWithRedis('a rolling restart of three instances', [], (server) => {
  it('loses and doubles nothing for 300 watchers of 100 tasks, ends in time, and leaves nothing in Redis', async () => {
    const deployment = new Deployment(server);
    await deployment.start();
    const next = [1, 2, 3].map(() => processes.prepare());
    const work = Array.from({ length: 100 }, (_item, n): Work => {
      if (n < 60) return { name: 'resumed', id: `resumed-${n}`, events: 70, pause: 100 };
      // Of the others some end in time, some are cancelled.
      return { name: 'once', id: `once-${n}`, events: n < 80 ? 600 : 10 + n, pause: 30 };
    });
    await Promise.all(work.map((each) => deployment.run(each)));
    const watching = work.flatMap((each) => [1, 2, 3].map(() => deployment.watch(each)));
    await eventually(() => processes.all.flatMap(({ calls }) => calls).length === 100);

    const restarted = new AbortController();
    const starting = (async () => {
      for (let n = 100; !restarted.signal.aborted; n++) {
        const each: Work = { name: 'once', id: `late-${n}`, events: 5, pause: 20 };
        await deployment.run(each);
        watching.push(deployment.watch(each));
        await delay(50);
      }
    })();
    for (const [n, member] of next.entries())
      expect(await deployment.restart(n, member)).toBeLessThan(drain + timeout + 1_000);
    restarted.abort();
    await starting;
    const watched = await Promise.all(watching);

    const ends = new Map<string, string>();
    for (const { work: each, events } of watched) {
      expectWhole(events);
      const { type, data } = events.at(-1)!;
      const numbers = events.filter((event) => event.type === 'n').map((event) => event.data);
      expect(numbers).toEqual(numbers.map((_number, n) => n));
      if (type === 'completed') expect(numbers).toHaveLength(each.events);
      else
        expect({ type, data, name: each.name }).toMatchObject({
          type: 'cancelled',
          data: { reason: 'shutdown' },
          name: 'once',
        });
      const started = events.filter((event) => event.type === 'started').length;
      expect(processes.callsOf(each)).toHaveLength(started);
      if (each.name === 'once') expect(started).toBe(1);
      ends.set(each.id, type);
    }
    // So that there was something to lose.
    expect(watched.filter(({ streams }) => streams > 1).length).toBeGreaterThan(100);
    expect([...ends.values()].filter((end) => end === 'cancelled').length).toBeGreaterThan(5);

    const client = server.connect();
    const partsOf = async (): Promise<string[]> => {
      const keys = await client.keys(`*${deployment.prefix}*`);
      return [...new Set(keys.map((key) => key.split(':').at(-1)!))].toSorted();
    };
    // Three that BullMQ keeps of a queue, and a lock that an instance sets when it looks for lost ones.
    await eventually(
      async () => expect(await partsOf()).toEqual(['#looks', 'events', 'id', 'meta', 'stalled-check']),
      {
        timeout: retention + 10_000,
      },
    );
    await Promise.all([0, 1, 2].map((n) => deployment.stop(n)));
    await eventually(async () => expect(await partsOf()).toEqual(['events', 'id', 'meta']));
  });
});

import { expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { TaskLog } from '../../../lib/log/task-log.js';
import type { RedisServer } from '../../support/programs/redis.js';
import { eventually } from '../../support/wait.js';
import { allWritten, count, describeStore, ending, FakeRun, newKey, newTask } from './support.js';

/** How many scripts Redis has run. */
async function scriptsRun(server: RedisServer): Promise<number> {
  const stats = await server.connect().info('commandstats');
  return Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1] ?? 0);
}
describeStore('what a run writes in Redis', ({ server, open }) => {
  it('is there in order, with a seq without holes, when its promise settles', async () => {
    const instance = await open();
    const { keys, lease } = await instance.claimNew();
    const journal = instance.journal(lease);
    expect(journal.lastEventId).toBeNull();
    const seen: number[] = [];
    const written = [];
    for (const n of count(300)) {
      const there = journal.append(`e${n}`, String(n))!;
      written.push(there.then(async () => seen.push((await instance.read(keys))!.events.length - n)));
      if (n % 7 === 0) await nextTurn();
    }
    await Promise.all(written);
    const { events, record } = (await instance.read(keys))!;
    expect(events.map(({ seq }) => seq)).toEqual(count(300).map((n) => n + 1));
    expect(events.map(({ type, json }) => `${type} ${json}`)).toEqual(count(300).map((n) => `e${n} ${n}`));
    expect(record.lastSeq).toBe(300);
    expect(journal.lastEventId).toBe(`${lease.epoch}-300`);
    expect(Math.min(...seen)).toBeGreaterThan(0);
  });

  it('goes in one call for all events of a turn', async () => {
    const instance = await open();
    const { keys, lease } = await instance.claimNew();
    const journal = instance.journal(lease);
    await journal.append('first', '0');
    const before = await scriptsRun(server);
    journal.mark('running', 1);
    await allWritten(count(100).map((n) => journal.append('n', String(n))));
    expect(await scriptsRun(server)).toBe(before + 1);
    expect((await instance.read(keys))!.record.lastSeq).toBe(101);
  });

  it('keeps text as it is', async () => {
    const instance = await open();
    const { keys, lease } = await instance.claimNew();
    const texts = ['"ä€😀"', '"\\u0000"', '""', '{"a":[1,null]}', `"${'x'.repeat(200_000)}"`];
    const journal = instance.journal(lease);
    await allWritten(texts.map((text) => journal.append('text', text)));
    expect((await instance.read(keys))!.events.map(({ json }) => json)).toEqual(texts);
  });

  it('says what the run is doing, where no event does', async () => {
    const instance = await open();
    const { keys, lease } = await instance.claimNew();
    const run = new FakeRun();
    const journal = instance.journal(lease, run);
    const state = async (): Promise<unknown[]> => {
      const { status, attempt, progress, cancellation } = (await instance.read(keys))!.record;
      return [status, attempt, progress, cancellation];
    };
    journal.mark('running', 1);
    run.progress = '{"percent":50}';
    await journal.append('progress', run.progress);
    expect(await state()).toEqual(['running', 1, '{"percent":50}', null]);
    run.cancellation = { kind: 'self', detail: 'stop' };
    journal.mark('cancelling', 1);
    await journal.append('n', '1');
    expect(await state()).toEqual(['cancelling', 1, '{"percent":50}', '{"kind":"self","detail":"stop"}']);
    run.cancellation = undefined;
    journal.mark('running', 2);
    await eventually(async () => expect(await state()).toEqual(['running', 2, '{"percent":50}', null]));
  });

  it('keeps as much of a log as a log in this process', () =>
    fc.assert(
      fc.asyncProperty(
        fc.record({ events: fc.integer({ min: 1, max: 8 }), bytes: fc.integer({ min: 1, max: 400 }) }),
        fc.array(fc.array(fc.nat({ max: 120 }), { maxLength: 8 }), { minLength: 1, maxLength: 6 }),
        async (limits, turns) => {
          const instance = await open();
          const { keys, lease } = await instance.claimNew({ limits });
          const log = new TaskLog({ app: 'test', name: 'work', id: 'one' }, limits);
          const journal = instance.journal(lease);
          for (const lengths of turns) {
            const written = lengths.map((length) => {
              const json = `"${'é'.repeat(length)}"`;
              log.append('n', json);
              return journal.append('n', json);
            });
            await allWritten(written);
          }
          const { record, events } = (await instance.read(keys))!;
          expect([record.firstSeq, record.lastSeq]).toEqual([log.firstSeq, log.lastSeq]);
          expect(events.map(({ seq }) => seq)).toEqual(
            count(log.lastSeq - log.firstSeq + 1).map((n) => n + log.firstSeq),
          );
          expect(await server.connect().hget(keys.record, 'bytes')).toBe(String(log.bytes));
          instance.close();
        },
      ),
      { numRuns: 40 },
    ));

  it('ends with one terminal event, and with what the task has become', async () => {
    const instance = await open();
    const { keys, lease } = await instance.claimNew();
    const journal = instance.journal(lease);
    void journal.append('started', '{}');
    await journal.end('completed', '{"finalValue":3}', ending({ finalValue: { rows: 3 } }));
    expect(journal.lastEventId).toBe(`${lease.epoch}-2`);
    expect(await instance.typesIn(keys)).toEqual(['started', 'completed']);
    const { record, ended } = (await instance.read(keys))!;
    expect(record).toMatchObject({ status: 'completed', finalValue: '{"rows":3}', error: null });
    expect(record.endedAt).not.toBeNull();
    expect(ended).toBe(true);
    expect(journal.append('late', '1')).toBeUndefined();
    journal.mark('running', 1);
    await instance.journal(lease).append('late', '1');
    await instance.journal(lease).end('failed', '{}', ending());
    expect(await instance.typesIn(keys)).toEqual(['started', 'completed']);
  });

  it('ends once, though the end is sent again', async () => {
    const instance = await open();
    const { connection } = instance;
    const { keys, lease } = await instance.claimNew();
    const run = connection.run.bind(connection);
    connection.run = async (...args) => {
      await run(...args);
      return run(...args);
    };
    const fake = new FakeRun();
    const journal = instance.journal(lease, fake);
    await journal.append('one', '1');
    void journal.append('two', '2');
    await journal.end('failed', '{}', ending({ error: { message: 'no', errorType: 'Error' } }));
    expect(await instance.typesIn(keys)).toEqual(['one', 'two', 'failed']);
    expect(fake.losses).toBe(0);
  });
});

describeStore('a journal while Redis is away', ({ server, open }) => {
  it('loses and doubles nothing while all connections are killed in a flood', async () => {
    const instance = await open();
    const runs = await Promise.all(
      count(10).map(async () => {
        const { keys, lease } = await instance.claimNew({ limits: { events: 100_000, bytes: 1 << 30 } });
        const run = new FakeRun();
        return { keys, run, journal: instance.journal(lease, run) };
      }),
    );
    for (const turn of count(60)) {
      if (turn % 6 === 0) void server.killConnections();
      const written = runs.flatMap(({ journal }) =>
        count(10).map((n) => journal.append('n', String(turn * 10 + n))),
      );
      if (turn % 3 === 0) await written.at(-1);
      else await nextTurn();
    }
    await allWritten(runs.map(({ journal }) => journal.end('completed', '{}', ending())));
    for (const { keys, run } of runs) {
      const events = (await instance.read(keys))!.events;
      expect(events.map(({ seq }) => seq)).toEqual(count(601).map((n) => n + 1));
      expect(events.slice(0, -1).map(({ json }) => Number(json))).toEqual(count(600));
      expect(run.losses).toBe(0);
    }
  });

  it('takes what there is room for, and writes it when Redis is back', async () => {
    const instance = await open(undefined, { events: 5, bytes: 1_000 });
    const { keys, lease } = await instance.claimNew();
    const journal = instance.journal(lease);
    server.pause();
    const written = count(5).map((n) => journal.append('n', String(n)));
    expect(() => journal.append('n', '5')).toThrow(
      expect.objectContaining({ name: 'LogUnavailableError', code: 'LOG_UNAVAILABLE' }),
    );
    server.goOn();
    await allWritten(written);
    await journal.append('n', '5');
    expect((await instance.read(keys))!.events.map(({ json }) => json)).toEqual(count(6).map(String));
  });

  it('writes again what Redis has refused, and says so once', async () => {
    const instance = await open();
    const client = server.connect();
    const { keys, lease } = await instance.claimNew();
    const run = new FakeRun();
    const journal = instance.journal(lease, run);
    await client.config('SET', 'maxmemory', '1');
    const written = journal.append('one', '1');
    await eventually(() => run.failures.length === 1);
    await client.config('SET', 'maxmemory', '0');
    await written;
    expect(await instance.typesIn(keys)).toEqual(['one']);
    expect(run.failures).toEqual([expect.objectContaining({ message: expect.stringMatching(/^OOM/) })]);
  });

  it('is deaf once the instance has closed its connection', async () => {
    const instance = await open();
    const { lease } = await instance.claimNew();
    const journal = instance.journal(lease);
    const written = journal.append('one', '1');
    instance.connection.close();
    await written;
    expect(journal.isDeaf).toBe(true);
  });

  it('is fenced when Redis comes back empty', async () => {
    const instance = await open();
    const { lease } = await instance.claimNew();
    const run = new FakeRun();
    const journal = instance.journal(lease, run);
    await server.kill();
    const written = journal.append('one', '1');
    await server.restart();
    await written;
    expect(run.losses).toBe(1);
    const key = newKey();
    expect(await instance.tasks.start(instance.tasks.keysOf(key), newTask(key), false)).toMatchObject({
      created: true,
    });
  });
});

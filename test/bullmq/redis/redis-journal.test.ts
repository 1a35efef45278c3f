import { expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { TaskLog } from '../../../lib/log/task-log.js';
import { terminalStatuses } from '../../../lib/task/task-status.js';
import type { RedisServer } from '../../support/programs/redis.js';
import { eventually } from '../../support/wait.js';
import { allWritten, describeStore, ending, FakeRun, newKey, newTask } from './support.js';

const request = { kind: 'external', detail: 'enough' } as const;
const cancelled = '{"message":"Task was cancelled"}';

/** How many scripts Redis has run. */
async function scriptsRun(server: RedisServer): Promise<number> {
  const stats = await server.connect().info('commandstats');
  return Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1] ?? 0);
}

function count(length: number): number[] {
  return Array.from({ length }, (_item, n) => n);
}

function endsOf(types: readonly string[]): string[] {
  return types.filter((type) => (terminalStatuses as readonly string[]).includes(type));
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

describeStore('a journal that is no longer the owner', ({ open }) => {
  it('is deaf when another instance has claimed the task: nothing of it is seen, and its run is told', async () => {
    const [zombie, owner] = await Promise.all([open(), open()]);
    const { keys, lease } = await zombie.claimNew();
    const run = new FakeRun();
    const journal = zombie.journal(lease, run);
    await journal.append('before', '1');
    const next = owner.journal(await owner.claim(keys, true));
    const late = journal.append('zombie', '1');
    void next.append('next', '2');
    await late;
    expect([run.losses, journal.isDeaf]).toEqual([1, true]);
    expect(await journal.end('completed', '{}', ending())).toBeUndefined();
    await next.append('more', '3');
    expect(await owner.typesIn(keys)).toEqual(['before', 'next', 'more']);
    expect((await owner.read(keys))!.record.status).toBe('running');
  });

  it('loses against the next owner also with its end', async () => {
    const [zombie, owner] = await Promise.all([open(), open()]);
    const { keys, lease } = await zombie.claimNew();
    const next = await owner.claim(keys, true);
    const run = new FakeRun();
    await zombie.journal(lease, run).end('completed', '{}', ending());
    expect(run.losses).toBe(1);
    await owner.journal(next).end('failed', '{}', ending());
    expect(await owner.typesIn(keys)).toEqual(['failed']);
  });

  it('finds out when it looks', async () => {
    const instance = await open();
    const { keys, lease } = await instance.claimNew();
    const run = new FakeRun();
    const journal = instance.journal(lease, run);
    await instance.claim(keys, true);
    journal.look();
    await eventually(() => run.losses === 1);
  });

  it('settles what is on its way when it is fenced, and gives its room back', async () => {
    const instance = await open(undefined, { events: 3, bytes: 1_000 });
    const { lease } = await instance.claimNew();
    const journal = instance.journal(lease);
    const { connection } = instance;
    connection.run = () => new Promise(() => {});
    const written = [journal.append('one', '1')];
    await nextTurn();
    written.push(journal.append('two', '2'), journal.append('three', '3'));
    const end = journal.end('completed', '{}', ending());
    expect(() => instance.buffer.take(1)).toThrow('no more may wait');
    journal.fence();
    await allWritten([...written, end]);
    instance.buffer.take(999);
  });

  it('is fenced when all keys are gone', async () => {
    const instance = await open();
    const { lease } = await instance.claimNew();
    await instance.connection.client.flushall();
    const run = new FakeRun();
    await instance.journal(lease, run).append('one', '1');
    expect(run.losses).toBe(1);
  });
});

describeStore('a task that is given up to go on elsewhere', ({ open }) => {
  const how = { event: { type: 'retrying', json: '{"attempt":2}' }, delay: 0, isFree: true };

  it('has all that was written before, and nothing that is written later', async () => {
    const instance = await open();
    const { keys, lease } = await instance.claimNew();
    const journal = instance.journal(lease);
    for (const n of count(700)) void journal.append('n', String(n));
    expect(await journal.release(how)).toBe('taken');
    expect(journal.append('late', '1')).toBeUndefined();
    expect(journal.end('cancelled', '{}', ending())).toBeUndefined();
    expect(await instance.typesIn(keys)).toEqual([...count(700).map(() => 'n'), 'retrying']);
    expect((await instance.read(keys))!.record).toMatchObject({ status: 'running', freeAttempts: 1 });
    expect(await instance.tasks.claim(keys, lease.epoch, false)).toMatchObject({
      verdict: 'run',
      task: { attempt: 2, lastSeq: 701 },
    });
  });

  it('is given up once, though that is sent again', async () => {
    const instance = await open();
    const { connection } = instance;
    const { keys, lease } = await instance.claimNew();
    const run = connection.run.bind(connection);
    connection.run = async (...args) => {
      await run(...args);
      return run(...args);
    };
    expect(await instance.journal(lease).release(how)).toBe('taken');
    expect((await instance.read(keys))!.record.freeAttempts).toBe(1);
    expect(await instance.typesIn(keys)).toEqual(['retrying']);
  });

  it('stays its own while a cancel stands, and is told of one that it has not seen', async () => {
    const instance = await open();
    const { keys, lease } = await instance.claimNew();
    const run = new FakeRun();
    const journal = instance.journal(lease, run);
    await instance.tasks.cancel(keys, request, cancelled);
    void journal.append('one', '1');
    expect(await journal.release(how)).toBe('refused');
    expect(run.requests).toMatchObject([request]);
    expect(await journal.release(how)).toBe('refused');
    void journal.append('two', '2');
    await journal.end('cancelled', cancelled, ending({ status: 'cancelled', cancellation: request }));
    expect(await instance.typesIn(keys)).toEqual(['one', 'two', 'cancelled']);
  });

  it('is given up in place of its end, unless a cancel stands', async () => {
    const instance = await open();
    for (const isCancelled of [false, true]) {
      const { keys, lease } = await instance.claimNew();
      const run = new FakeRun();
      run.instead = how;
      run.isHandedOver = true;
      const journal = instance.journal(lease, run);
      run.cancellation = { kind: 'shutdown' };
      journal.mark('cancelling', 1);
      await journal.append('cleanup', '1');
      expect((await instance.read(keys))!.record.status).toBe('running');
      if (isCancelled) await instance.tasks.cancel(keys, request, cancelled);
      await journal.end('cancelled', '{}', ending({ status: 'cancelled' }));
      expect(await instance.typesIn(keys)).toEqual(['cleanup', isCancelled ? 'cancelled' : 'retrying']);
      expect(run.decisions).toBe(isCancelled ? 1 : 0);
    }
  });

  it('is not claimed before its time', async () => {
    const instance = await open();
    const { keys, lease } = await instance.claimNew();
    await instance.journal(lease).release({ ...how, delay: 60_000 });
    const claim = await instance.tasks.claim(keys, lease.epoch, false);
    expect(claim).toEqual({ verdict: 'early', wait: expect.any(Number) });
    const { wait } = claim as { wait: number };
    expect(wait).toBeGreaterThan(50_000);
    expect(wait).toBeLessThanOrEqual(60_000);
  });

  it('is cancelled at once by whoever asks before the next claim', async () => {
    const instance = await open();
    const { keys, lease } = await instance.claimNew();
    await instance.journal(lease).release(how);
    expect(await instance.tasks.cancel(keys, request, cancelled)).toBe('cancelled');
    expect(await instance.typesIn(keys)).toEqual(['retrying', 'cancelled']);
  });
});

describeStore('a cancel from another instance', ({ open }) => {
  it('is told to the run with whatever it writes next, once', async () => {
    const instance = await open();
    const { keys, lease } = await instance.claimNew();
    const run = new FakeRun();
    const journal = instance.journal(lease, run);
    await instance.tasks.cancel(keys, request, cancelled);
    await instance.tasks.cancel(keys, { kind: 'external', detail: 'now' }, cancelled);
    await journal.append('one', '1');
    await journal.append('two', '2');
    journal.look();
    await journal.append('three', '3');
    expect(run.requests.map(({ detail }) => detail)).toEqual(['enough', 'now']);
  });

  it('stands although the run says that it runs, as long as the run has not seen it', async () => {
    const instance = await open();
    const { keys, lease } = await instance.claimNew();
    const run = new FakeRun();
    const journal = instance.journal(lease, run);
    await instance.tasks.cancel(keys, request, cancelled);
    run.cancellation = { kind: 'self' };
    journal.mark('running', 1);
    await journal.append('one', '1');
    const standing = { status: 'cancelling', cancellation: JSON.stringify(request) };
    expect((await instance.read(keys))!.record).toMatchObject(standing);
    run.cancellation = undefined;
    // It has, and has withdrawn it.
    journal.mark('running', 1);
    await journal.append('two', '2');
    expect((await instance.read(keys))!.record).toMatchObject({ status: 'running', cancellation: null });
  });

  it('has the first reason, though the run has asked for its end by then', async () => {
    const instance = await open();
    const { keys, lease } = await instance.claimNew();
    const run = new FakeRun();
    const journal = instance.journal(lease, run);
    await instance.tasks.cancel(keys, request, cancelled);
    run.cancellation = { kind: 'self' };
    journal.mark('cancelling', 1);
    await journal.append('one', '1');
    expect((await instance.read(keys))!.record.cancellation).toBe(JSON.stringify(request));
  });

  it.each(['completed', 'failed'] as const)(
    'keeps a run from ending as %s that has not seen it',
    async (end) => {
      const instance = await open();
      const { keys, lease } = await instance.claimNew();
      const run = new FakeRun();
      const journal = instance.journal(lease, run);
      await instance.tasks.cancel(keys, request, cancelled);
      void journal.append('one', '1');
      await journal.end(end, '{}', ending());
      expect(run.decisions).toBe(1);
      const { events, record } = (await instance.read(keys))!;
      expect(events.map(({ type, json }) => `${type} ${json}`)).toEqual([
        'one 1',
        'cancelled {"again":true}',
      ]);
      expect(record).toMatchObject({ status: 'cancelled', cancellation: '{"kind":"external"}' });
    },
  );

  it('that has been seen may be swallowed', async () => {
    const instance = await open();
    const { keys, lease } = await instance.claimNew();
    const run = new FakeRun();
    run.secondEnd = 'completed';
    await instance.tasks.cancel(keys, request, cancelled);
    await instance.journal(lease, run).end('completed', '{}', ending());
    expect(run.decisions).toBe(1);
    expect(await instance.typesIn(keys)).toEqual(['completed']);
  });

  it('and the end of the run: whichever comes first, one terminal event, and never `completed` behind a cancel', async () => {
    const [owner, other] = await Promise.all([open(), open()]);
    const outcomes = await Promise.all(
      count(200).map(async (n) => {
        const { keys, lease } = await owner.claimNew();
        const journal = owner.journal(lease);
        void journal.append('started', '{}');
        const end = journal.end('completed', '{}', ending());
        // Some before the end is on its way, some behind it.
        if (n % 4 > 1) await nextTurn();
        const [first, second] = await Promise.all([
          other.tasks.cancel(keys, request, cancelled),
          owner.tasks.cancel(keys, request, cancelled),
          end,
        ]);
        const types = await other.typesIn(keys);
        expect(endsOf(types)).toHaveLength(1);
        const isAccepted = first === 'cancelling' || second === 'cancelling';
        expect(types.at(-1)).toBe(isAccepted ? 'cancelled' : 'completed');
        return types.at(-1);
      }),
    );
    expect(new Set(outcomes)).toEqual(new Set(['completed', 'cancelled']));
  });

  it('and a loss and its end race: one terminal event', async () => {
    const [owner, next, other] = await Promise.all([open(), open(), open()]);
    await Promise.all(
      count(100).map(async () => {
        const { keys, lease } = await owner.claimNew();
        const [answer, claim] = await Promise.all([
          other.tasks.cancel(keys, request, cancelled),
          next.tasks.claim(keys, lease.epoch, true),
          owner.journal(lease).end('completed', '{}', ending()),
        ]);
        if ('lease' in claim) {
          const end = claim.verdict === 'cancelled' ? 'cancelled' : 'completed';
          await next.journal(claim.lease).end(end, '{}', ending());
        }
        const types = await other.typesIn(keys);
        expect(types).toHaveLength(1);
        expect(types[0]).toBe(answer === 'ended' ? 'completed' : 'cancelled');
      }),
    );
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

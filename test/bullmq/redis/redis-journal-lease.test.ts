import { expect, it } from '@jest/globals';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { eventually } from '../../support/wait.js';
import { allWritten, count, describeStore, ending, FakeRun } from './support.js';

const request = { kind: 'external', detail: 'enough' } as const;
const cancelled = '{"message":"Task was cancelled"}';
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

import { expect, it } from '@jest/globals';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { count, describeStore, ending, endsOf, FakeRun } from './support.js';

const request = { kind: 'external', detail: 'enough' } as const;
const cancelled = '{"message":"Task was cancelled"}';
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

  it.each(['completed', 'failed', 'cancelled', 'timeout'] as const)(
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

  it.each(['end', 'release'] as const)(
    'that is told when the outcome of the run stands already is not lost: its %s is refused',
    async (how) => {
      const instance = await open();
      const { keys, lease } = await instance.claimNew();
      const run = new FakeRun();
      const journal = instance.journal(lease, run);
      if (how === 'release')
        run.instead = { event: { type: 'retrying', json: '{}' }, delay: 0, isFree: false };
      await instance.tasks.cancel(keys, request, cancelled);
      // Its answer tells of the request, and comes when the end has been given.
      const written = journal.append('one', '1');
      await nextTurn();
      run.isDecided = true;
      await Promise.all([written, journal.end('completed', '{}', ending())]);
      expect([run.decisions, run.requests.length]).toEqual([1, 1]);
      expect(await instance.typesIn(keys)).toEqual(['one', 'cancelled']);
    },
  );

  it('that the run has withdrawn does not keep its task from being tried again, though Redis has not heard of it', async () => {
    const instance = await open();
    const { keys, lease } = await instance.claimNew();
    const run = new FakeRun();
    const journal = instance.journal(lease, run);
    run.cancellation = { kind: 'self' };
    journal.mark('cancelling', 1);
    await journal.append('one', '1');
    run.cancellation = undefined;
    journal.mark('running', 1);
    run.instead = { event: { type: 'retrying', json: '{}' }, delay: 0, isFree: false };
    await journal.end('failed', '{}', ending({ status: 'failed' }));
    expect(run.decisions).toBe(0);
    expect(await instance.typesIn(keys)).toEqual(['one', 'retrying']);
    expect((await instance.read(keys))!.record).toMatchObject({ status: 'running', cancellation: null });
  });

  it('is refused past the point of no return, and accepted where a time limit was first', async () => {
    const instance = await open();
    const { keys, lease } = await instance.claimNew();
    const run = new FakeRun();
    const journal = instance.journal(lease, run);
    const cancel = (): Promise<string> => instance.tasks.cancel(keys, request, cancelled);
    const signal = (): Promise<string> => instance.tasks.signal(keys, 'go', '1', 9);
    expect(await journal.decide()).toBe('taken');
    // Behind that point it may wait for one.
    expect([await cancel(), await signal()]).toEqual(['decided', 'taken']);
    run.cancellation = { kind: 'timeout' };
    journal.mark('cancelling', 1);
    await journal.append('one', '1');
    expect([await cancel(), await cancel()]).toEqual(['cancelling', 'cancelling']);
    await journal.append('two', '2');
    await nextTurn();
    expect(run.requests).toHaveLength(2);
    // An outcome that stands, stands.
    expect(await journal.decide({ status: 'completed' })).toBe('taken');
    expect([await cancel(), await signal()]).toEqual(['decided', 'ended']);
  });

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

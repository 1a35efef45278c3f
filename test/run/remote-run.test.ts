import { describe, expect, it } from '@jest/globals';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { AcceptedRequest, TaskHistory } from '../../lib/run/task-history.js';
import { shutdownOf } from '../support/lone-run.js';
import { eventsIn, sharedRun } from '../support/shared-journal.js';
import { StoppedClock } from '../support/stopped-clock.js';
import { deferred } from '../support/wait.js';

const external: AcceptedRequest = { kind: 'external', detail: 'enough', by: 'ann' };

describe('a run that is not the first of its task', () => {
  const history: TaskHistory = {
    tries: 2,
    createdAt: Date.UTC(2026, 0, 1),
    startedAt: Date.UTC(2026, 0, 2),
    checkpoint: '{"row":7}',
  };

  it('begins with the number of its try, with the checkpoint, and with the times of the task', async () => {
    const { journal, run } = await sharedRun((task) => [task.attempt, task.checkpoint], {}, history);
    expect(run.record).toMatchObject({ status: 'pending', attempt: 2 });
    run.begin();
    expect((await run.outcome).value).toEqual([3, { row: 7 }]);
    expect(eventsIn(journal)[0]).toBe('started {"attempt":3}');
    expect(journal.marks).toEqual(['running 3']);
    expect(journal.record).toMatchObject({
      attempt: 3,
      createdAt: '2026-01-01T00:00:00.000Z',
      startedAt: '2026-01-02T00:00:00.000Z',
    });
  });

  it('counts from the first call, and lists requests that were withdrawn before', async () => {
    using clock = new StoppedClock();
    const { run } = await sharedRun(
      (task) => task.sleep(50),
      {},
      { ...history, calledFor: 700, withdrawn: [external] },
    );
    run.begin();
    const { status, durationMs, requests } = await clock.until(run.outcome);
    expect([status, durationMs, requests]).toEqual(['completed', 750, [external]]);
  });

  it('has what is left of the total timeout', async () => {
    using clock = new StoppedClock();
    const { run } = await sharedRun(
      (task) => task.sleep(60_000),
      { timeout: 10_000 },
      { ...history, elapsed: 9_000 },
    );
    run.begin();
    const outcome = await clock.until(run.outcome);
    expect(clock.now()).toBe(1_000);
    expect(outcome).toMatchObject({ status: 'timeout', reason: { of: 'total', timeout: 10_000 } });
  });

  it('ends without a call of its handler where requests to cancel stand', async () => {
    const requests = [external, { kind: 'external', detail: 'now' }] as const;
    const { journal, run, told } = await sharedRun(() => 'called', {}, { ...history, requests });
    run.begin();
    expect(await run.outcome).toMatchObject({ status: 'cancelled', started: false, requests });
    expect(eventsIn(journal)).toEqual([
      'cancelled {"message":"Task was cancelled","reason":"external_cancellation","detail":"enough"}',
    ]);
    expect(journal.record).toMatchObject({ attempt: 2, cancellation: external });
    expect(told).toEqual(['free', 'over', 'settled']);
  });
});

it('a run that begins after its time is over ends with that time limit', async () => {
  const requests = [{ kind: 'timeout', of: 'idle', timeout: 500 }] as const;
  const { journal, run } = await sharedRun(() => 'called', {}, { tries: 1, requests });
  run.begin();
  expect(await run.outcome).toMatchObject({ status: 'timeout', reason: requests[0] });
  expect(eventsIn(journal)).toEqual(['timeout {"message":"Task timed out","of":"idle","timeout":500}']);
});

describe('an end that the journal refuses, as somebody has cancelled the task before', () => {
  it('completed becomes cancelled, and the value is discarded', async () => {
    const { journal, run, told } = await sharedRun(() => ({ rows: 3 }));
    journal.unseen = [external];
    run.begin();
    expect(await run.outcome).toMatchObject({
      status: 'cancelled',
      reason: external,
      requests: [external],
      swallowed: true,
      discardedValue: { rows: 3 },
    });
    expect(eventsIn(journal).at(-1)).toBe(
      'cancelled {"message":"Task was cancelled","reason":"external_cancellation","detail":"enough"}',
    );
    expect(journal.record).toMatchObject({ status: 'cancelled', finalValue: null, cancellation: external });
    expect(run.record).toMatchObject({ status: 'cancelled', finalValue: null });
    expect(told).toEqual(['free', 'over', 'settled']);
  });

  it('completed stays completed with swallowedCancel', async () => {
    const { journal, run } = await sharedRun(() => ({ rows: 3 }), { swallowedCancel: 'completed' });
    journal.unseen = [external];
    run.begin();
    expect(await run.outcome).toMatchObject({ status: 'completed', swallowed: true, value: { rows: 3 } });
    expect(journal.ends.map(({ type, json }) => `${type} ${json}`)).toEqual([
      'completed {"finalValue":{"rows":3}}',
      'completed {"finalValue":{"rows":3}}',
    ]);
    expect(journal.record).toMatchObject({ finalValue: { rows: 3 } });
  });

  it('failed stays failed, with the cancellation beside it', async () => {
    const { journal, run, lines } = await sharedRun(() => {
      throw new TypeError('broken');
    });
    journal.unseen = [external];
    run.begin();
    expect(await run.outcome).toMatchObject({
      status: 'failed',
      error: { message: 'broken' },
      cancellation: { reason: external },
    });
    expect(journal.record).toMatchObject({ error: { message: 'broken', errorType: 'TypeError' } });
    expect(lines).toEqual([expect.stringContaining('Task test:work:one failed')]);
  });

  it('a result that JSON cannot hold becomes cancelled, as any other', async () => {
    const { journal, run } = await sharedRun(() => new Map());
    journal.unseen = [external];
    run.begin();
    expect(await run.outcome).toMatchObject({ status: 'cancelled', discardedValue: new Map() });
    expect(journal.record).toMatchObject({ error: null });
  });

  it('of a try that another one was to follow: the task is cancelled between the two', async () => {
    const { journal, run } = await sharedRun(() => {
      throw new Error('not yet');
    });
    journal.goesOn = true;
    journal.unseen = [external];
    run.begin();
    const outcome = await run.outcome;
    expect(outcome).toMatchObject({ status: 'cancelled', reason: external, swallowed: false });
    expect(eventsIn(journal).at(-1)).toContain('cancelled');
  });

  it('which requests were withdrawn meanwhile is none of its business: without one it stands', async () => {
    const { journal, run } = await sharedRun(() => 3);
    const end = journal.end.bind(journal);
    journal.end = (...args) => {
      expect(() => run.decideAgain([])).toThrow('is not on its way');
      return end(...args).then(() => expect(run.decideAgain([]).type).toBe('completed'));
    };
    run.begin();
    expect((await run.outcome).value).toBe(3);
  });
});

describe('a journal that wants to know when the outcome stands', () => {
  it('is asked before cleanup, and not where there is none', async () => {
    const order: string[] = [];
    const { journal, run } = await sharedRun((task) => {
      task.defer(({ status }) => void order.push(`cleanup ${status} ${journal.asked.join()}`));
    });
    run.begin();
    await run.outcome;
    expect(order).toEqual(['cleanup completed completed']);
    const bare = await sharedRun(() => 0);
    bare.run.begin();
    await bare.run.outcome;
    expect(bare.journal.asked).toEqual([]);
  });

  it('may answer that a cancel was first: then cleanup sees that', async () => {
    const seen: string[] = [];
    const { journal, run, lines } = await sharedRun((task) => {
      task.defer(({ status, reason }) => void seen.push(`${status} ${reason?.detail}`));
      return 1;
    });
    journal.unseen = [external];
    run.begin();
    expect(await run.outcome).toMatchObject({ status: 'cancelled', reason: external, swallowed: true });
    expect(seen).toEqual(['cancelled enough']);
    // It was refused once, and then taken.
    expect(journal.asked).toEqual(['completed', 'cancelled']);
    expect(lines).toEqual([expect.stringContaining('caught its cancellation')]);
  });

  it('may take its time: a cancel that comes meanwhile counts, and no time limit does', async () => {
    using clock = new StoppedClock();
    const seen: string[] = [];
    const { journal, run } = await sharedRun((task) => task.defer(({ status }) => void seen.push(status)), {
      timeout: 5_000,
      idleTimeout: 1_000,
    });
    const held = deferred();
    journal.answer = held.promise;
    run.begin();
    while (journal.asked.length === 0) await nextTurn();
    await clock.advance(60_000);
    expect([run.status, run.decided]).toEqual(['running', false]);
    expect(run.cancel('external', {}, 0)).toBe(true);
    // The handler has ended, so there is nothing to abandon.
    await clock.advance(60_000);
    expect([run.status, run.decided]).toEqual(['cancelling', false]);
    held.resolve();
    expect(await run.outcome).toMatchObject({ status: 'cancelled', abandoned: false });
    expect(seen).toEqual(['cancelled']);
  });

  it('keeps no shutdown beyond its time', async () => {
    using clock = new StoppedClock();
    const { journal, run, store, options } = await sharedRun((task) => task.defer(() => {}));
    journal.answer = new Promise(() => {});
    run.begin();
    while (journal.asked.length === 0) await nextTurn();
    const report = await clock.until(shutdownOf(options, store).run({ timeout: 500 }));
    expect(report).toMatchObject({ cancelled: 1, durationMs: 500 });
  });

  it('is asked before the point of no return', async () => {
    const order: string[] = [];
    const { journal, run } = await sharedRun(async (task) => {
      const body = task.commit(async () => {
        order.push('body');
        expect(run.cancel('external')).toBe(false);
        return 7;
      });
      order.push(`asked ${journal.asked.join()}`);
      const value = await body;
      task.defer(() => {});
      return value;
    });
    run.begin();
    expect(await run.outcome).toMatchObject({ status: 'completed', value: 7, requests: [] });
    expect(order).toEqual(['asked commit', 'body']);
    // It knows: the cleanup need not tell it again.
    expect(journal.asked).toEqual(['commit']);
  });

  it('may answer that a cancel was first: then the body is not entered, and no rejection is unhandled', async () => {
    let isEntered = false;
    const { journal, run } = await sharedRun(async (task) => {
      void task.commit(async () => (isEntered = true));
      await task.sleep(60_000);
    });
    journal.unseen = [external];
    run.begin();
    expect(await run.outcome).toMatchObject({ status: 'cancelled', reason: external });
    expect(isEntered).toBe(false);
  });

  it('asks again where the cancel that was first has been withdrawn', async () => {
    const { journal, run } = await sharedRun(async (task) => {
      task.onCancel(() => void task.uncancel());
      return task.commit(async () => 'entered');
    });
    journal.unseen = [external];
    run.begin();
    expect(await run.outcome).toMatchObject({ status: 'completed', value: 'entered' });
    expect(journal.asked).toEqual(['commit', 'commit']);
  });

  it('an error of the body is the task’s', async () => {
    const { run } = await sharedRun((task) =>
      task.commit(async () => {
        throw new Error('no funds');
      }),
    );
    run.begin();
    expect(await run.outcome).toMatchObject({ status: 'failed', error: { message: 'no funds' } });
  });
});

import { describe, expect, it } from '@jest/globals';
import type { StreamTaskOptions, TaskContext } from 'nestjs-streaming';
import * as fc from 'fast-check';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { AcceptedRequest } from '../../lib/run/task-history.js';
import { eventsIn, type SharedRun, sharedRun } from '../support/shared-journal.js';
import { StoppedClock } from '../support/stopped-clock.js';
import { deferred } from '../support/wait.js';

const external: AcceptedRequest = { kind: 'external', detail: 'enough', by: 'ann' };

describe('a run that has lost its task', () => {
  it.each<[string, (task: TaskContext) => Promise<unknown>]>([
    ['throws the cancellation', (task) => task.sleep(60_000)],
    ['throws something else', (task) => task.sleep(60_000).catch(() => Promise.reject(new Error('closed')))],
    ['returns', (task) => task.sleep(60_000).catch(() => 'all the same')],
  ])('and then %s: ends, and the log has no line', async (_what, process) => {
    const { journal, run, lines, told } = await sharedRun(process);
    run.begin();
    await nextTurn();
    journal.fence();
    run.cancel('lost');
    await run.outcome;
    expect(run.isOutlived).toBe(true);
    expect(lines).toEqual([]);
    expect(told).toEqual(['free', 'over', 'settled']);
    expect(journal.log.ended).toBe(false);
  });

  it('behind its point of no return: it fails, and the log has no line', async () => {
    const held = deferred();
    const { journal, run, lines } = await sharedRun((task) => task.commit(() => held.promise));
    run.begin();
    while (!run.committed) await nextTurn();
    journal.fence();
    expect(run.cancel('lost')).toBe(false);
    held.reject(new Error('closed'));
    expect((await run.outcome).status).toBe('failed');
    expect(lines).toEqual([]);
  });
});

describe('a run that is handed over', () => {
  async function handedOver(
    process: (task: TaskContext) => unknown,
    options?: StreamTaskOptions,
  ): Promise<SharedRun> {
    const shared = await sharedRun(process, { announceCancelling: true, ...options });
    shared.run.begin();
    while (!shared.run.events.lastEventId) await nextTurn();
    expect(shared.run.handOver(1_000)).toBe(true);
    return shared;
  }

  it.each<[string, (task: TaskContext) => Promise<unknown>]>([
    ['throws', (task) => task.sleep(60_000).catch(() => Promise.reject(new Error('closed')))],
    ['returns', (task) => task.sleep(60_000).catch(() => 'all the same')],
  ])('aborts its handler with shutdown; when that %s, nothing is reported', async (_what, process) => {
    const { journal, run, lines } = await handedOver(process);
    expect([run.isHandedOver, run.isOutlived]).toEqual([true, true]);
    expect(await run.outcome).toMatchObject({ reason: { kind: 'shutdown' } });
    expect(journal.ends).toHaveLength(1);
    expect(lines).toEqual([]);
    expect(eventsIn(journal).some((event) => event.startsWith('cancelling'))).toBe(false);
  });

  it('events and checkpoints count until it settles', async () => {
    const { journal, run } = await handedOver(async (task) => {
      await task.sleep(60_000).catch(() => {});
      await task.sendEvent('cleanup');
      await task.saveCheckpoint(5);
    });
    await run.outcome;
    expect(eventsIn(journal)).toContain('cleanup null');
    expect(journal.checkpoints).toEqual(['5 after 2']);
  });

  it('is abandoned when its time is over', async () => {
    using clock = new StoppedClock();
    const { run } = await handedOver(() => new Promise(() => {}));
    expect(await clock.until(run.outcome)).toMatchObject({ abandoned: true });
    expect(clock.now()).toBe(1_000);
    expect(run.isHandedOver).toBe(true);
  });

  it.each(['external', 'self', 'timeout'] as const)(
    'and is cancelled meanwhile (%s): its task ends here, with that reason',
    async (kind) => {
      const reasons: unknown[] = [];
      const { journal, run } = await handedOver(async (task) => {
        await task.sleep(60_000).catch(() => {});
        await nextTurn();
        reasons.push(task.reason?.kind);
        run.cancel(kind);
        reasons.push(task.reason?.kind);
        task.throwIfCancelled();
      });
      const outcome = await run.outcome;
      expect(run.isOutlived).toBe(false);
      expect(outcome).toMatchObject({
        status: kind === 'timeout' ? 'timeout' : 'cancelled',
        reason: { kind },
        requests: [{ kind: 'shutdown' }, { kind }],
      });
      expect(reasons).toEqual(['shutdown', kind]);
      expect(journal.marks).toEqual(['running 1', 'cancelling 1', 'cancelling 1']);
      expect(eventsIn(journal).filter((event) => event.startsWith('cancelling'))).toHaveLength(1);
    },
  );

  it('and its end is refused, as somebody has cancelled the task: the task ends here, with that reason', async () => {
    const { journal, run } = await handedOver((task) => task.sleep(60_000).catch(() => 'all the same'));
    journal.unseen = [external];
    expect(await run.outcome).toMatchObject({ status: 'cancelled', reason: external });
    expect([run.isHandedOver, run.isOutlived]).toEqual([false, false]);
    expect(journal.record).toMatchObject({ cancellation: external });
  });

  it('is not, where it is being cancelled, has not begun, or is behind its point of no return', async () => {
    const pending = await sharedRun(() => 0);
    expect(pending.run.handOver(1_000)).toBe(false);
    const { run } = await sharedRun((task) => task.sleep(60_000));
    run.begin();
    run.cancel('external');
    expect(run.handOver(1_000)).toBe(false);
    expect(await run.outcome).toMatchObject({ reason: { kind: 'external' } });
    const held = deferred();
    const committed = await sharedRun((task) => task.commit(() => held.promise));
    committed.run.begin();
    while (!committed.run.committed) await nextTurn();
    expect(committed.run.handOver(1_000)).toBe(false);
    held.resolve();
    expect((await committed.run.outcome).status).toBe('completed');
  });
});

const meetings = fc.array(
  fc.record({
    turn: fc.nat({ max: 40 }),
    do: fc.constantFrom('elsewhere', 'news', 'cancel', 'lose', 'handOver'),
  }),
  { maxLength: 6 },
);
const handlers = fc.record({
  work: fc.nat({ max: 20 }),
  cleansUp: fc.boolean(),
  commits: fc.boolean(),
  fails: fc.boolean(),
  swallows: fc.boolean(),
  goesOn: fc.boolean(),
});

describe('whatever meets a run that others can cancel, too', () => {
  it('it settles; a cancel that was accepted anywhere is how its task ends, and its cleanup knows', () =>
    fc.assert(
      fc.asyncProperty(meetings, handlers, async (happenings, { work, goesOn, ...does }) => {
        const seen: string[] = [];
        const { journal, run } = await sharedRun(async (task) => {
          if (does.cleansUp) task.defer(({ status }) => void seen.push(status));
          for (let n = 0; n < work; n++) {
            void task.sendEvent('n', n);
            const step = task.waitFor(nextTurn());
            await (does.swallows ? step.catch(() => undefined) : step);
          }
          if (does.commits) await task.commit(() => nextTurn());
          if (does.fails) throw new Error('not yet');
        });
        journal.goesOn = goesOn && does.fails;
        let isCancelled = false;
        let isLost = false;
        const meet = async ({ turn, do: what }: (typeof happenings)[number]): Promise<void> => {
          for (let n = 0; n < turn; n++) await nextTurn();
          if (what === 'elsewhere') isCancelled = journal.cancelElsewhere(external) || isCancelled;
          if (what === 'news') journal.tellNews();
          if (what === 'cancel') isCancelled = run.cancel('external') || isCancelled;
          if (what === 'handOver') run.handOver(1_000);
          if (what !== 'lose') return;
          isLost ||= !run.over;
          journal.fence();
          run.cancel('lost');
        };
        run.begin();
        await Promise.all(happenings.map(meet));
        const { status } = await run.outcome;
        const ends = eventsIn(journal).filter((event) => /^(completed|failed|cancelled) /.test(event));
        expect(ends.length).toBeLessThanOrEqual(1);
        if (isLost) return;
        const goesOnElsewhere = run.isOutlived;
        expect(ends.map((end) => end.split(' ')[0])).toEqual(goesOnElsewhere ? [] : [status]);
        if (isCancelled) expect([goesOnElsewhere, status]).not.toEqual([false, 'completed']);
        if (isCancelled) expect(goesOnElsewhere).toBe(false);
        if (isCancelled && !does.fails) expect(status).toBe('cancelled');
        // One that was to be tried again, or handed over, is cancelled behind its cleanup.
        if (seen.length > 0 && journal.ends.length === 1) expect(seen).toEqual([status]);
      }),
      { numRuns: 300 },
    ));
});

import { describe, expect, it } from '@jest/globals';
import type { StreamTaskOptions, TaskContext } from 'nestjs-streaming';
import * as fc from 'fast-check';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { LogCursor } from '../../lib/log/read/log-cursor.js';
import { LogEntry } from '../../lib/log/log-entry.js';
import type { LogReader } from '../../lib/log/read/log-reader.js';
import { TaskLog } from '../../lib/log/task-log.js';
import { terminalStatuses } from '../../lib/task/task-status.js';
import { loneRun, type LoneRun, shutdownOf } from '../support/lone-run.js';
import { RemoteJournal } from '../support/remote-journal.js';
import { StoppedClock } from '../support/stopped-clock.js';
import { deferred, type Deferred } from '../support/wait.js';

interface RemoteRun extends LoneRun {
  readonly journal: RemoteJournal;
}

async function remoteRun(
  process: (task: TaskContext) => unknown,
  options?: StreamTaskOptions,
): Promise<RemoteRun> {
  const journal = new RemoteJournal();
  return { journal, ...(await loneRun(journal.log, journal, process, options)) };
}

/** A run whose handler has returned, and whose end is on its way for as long as the test wants. */
async function endingRun(
  options?: StreamTaskOptions,
): Promise<RemoteRun & { readonly arrival: Deferred<void> }> {
  const arrival = deferred();
  const remote = await remoteRun(() => ({ rows: 3 }), options);
  const { journal, run } = remote;
  const end = journal.end.bind(journal);
  journal.end = (...args) => arrival.promise.then(() => end(...args));
  run.begin();
  while (!run.decided) await nextTurn();
  return { ...remote, arrival };
}

function typesIn(log: LogReader): string[] {
  const cursor = new LogCursor(log, { after: 0 });
  const types: string[] = [];
  for (let next = cursor.next(); next; next = cursor.next())
    if (next instanceof LogEntry) types.push(next.type);
  return types;
}

function endsIn(log: LogReader): string[] {
  return typesIn(log).filter((type) => (terminalStatuses as readonly string[]).includes(type));
}

describe('a run whose journal takes everything at once', () => {
  it('frees its place, tells its watchers, retires and settles in this order, all in one call', async () => {
    const log = new TaskLog({ app: 'test', name: 'work', id: 'one' }, { events: 10, bytes: 1_000 });
    const { run, told } = await loneRun(log, log, () => new Promise(() => {}));
    log.subscribe(() => {
      if (log.ended) told.push(`seen ${run.status}`);
    });
    expect(run.cancel('external')).toBe(true);
    expect(told).toEqual(['free', 'seen cancelled', 'over']);
    await run.outcome;
    expect(told.at(-1)).toBe('settled');
    expect(typesIn(log)).toEqual(['cancelled']);
  });
});

describe('a run whose journal is elsewhere', () => {
  it('writes in order, however long each write takes, and an event is there when its promise settles', () =>
    fc.assert(
      fc.asyncProperty(fc.array(fc.nat({ max: 20 }), { minLength: 1, maxLength: 20 }), async (delays) => {
        const seen: string[][] = [];
        const { journal, run } = await remoteRun(async (task) => {
          const sent = delays.map((_delay, n) =>
            (n % 2 ? task.progress(n) : task.sendEvent(`e${n}`)).then(() => seen.push(typesIn(journal.log))),
          );
          await sent[0];
          return null;
        });
        let write = 0;
        journal.turns = () => delays[write++ % delays.length]!;
        run.begin();
        expect((await run.outcome).status).toBe('completed');
        const types = delays.map((_delay, n) => (n % 2 ? 'progress' : `e${n}`));
        expect(typesIn(journal.log)).toEqual(['started', ...types, 'completed']);
        for (const [n, there] of seen.entries()) expect(there.length).toBeGreaterThanOrEqual(n + 2);
      }),
      { numRuns: 50 },
    ));

  it('has not ended while its end is on its way, and then has, for everybody at once', async () => {
    using clock = new StoppedClock();
    const { journal, run, store, told, arrival } = await endingRun({ timeout: 60_000 });
    expect(told).toEqual(['free']);
    expect([run.status, run.over, run.decided]).toEqual(['running', false, true]);
    // Nor has it any time limit left.
    expect(await clock.fireNext()).toBe(false);
    expect(run.record).toMatchObject({ status: 'running', finalValue: null, endedAt: null });
    expect(store.live).toContain(run);
    expect(endsIn(journal.log)).toEqual([]);
    arrival.resolve();
    expect(await run.outcome).toMatchObject({ status: 'completed', value: { rows: 3 } });
    expect(told).toEqual(['free', 'over', 'settled']);
    expect([run.status, run.over]).toEqual(['completed', true]);
    expect(run.record).toMatchObject({ status: 'completed', finalValue: { rows: 3 } });
    expect(run.endedAt).not.toBeNull();
    expect(store.live).not.toContain(run);
    expect(endsIn(journal.log)).toEqual(['completed']);
  });

  it('refuses a cancel while its end is on its way', async () => {
    const { journal, run, arrival } = await endingRun();
    for (const kind of ['external', 'timeout', 'lost', 'shutdown'] as const)
      expect(run.cancel(kind)).toBe(false);
    expect(run.uncancel()).toBe(0);
    arrival.resolve();
    expect(await run.outcome).toMatchObject({ status: 'completed', requests: [] });
    expect(endsIn(journal.log)).toEqual(['completed']);
  });

  it('writes down what it looks like at its end, and what it does where no event says so', async () => {
    const { journal, run } = await remoteRun(async (task) => {
      task.cancel();
      task.uncancel();
      void task.progress(50);
      task.cancel('enough');
      await task.sleep(1);
    });
    run.begin();
    await run.outcome;
    expect(journal.marks).toEqual(['running 1', 'cancelling 1', 'running 1', 'cancelling 1']);
    expect(journal.record).toEqual({ ...run.record, lastEventId: null });
    expect(journal.record).toMatchObject({
      status: 'cancelled',
      attempt: 1,
      progress: { percent: 50 },
      cancellation: { kind: 'self', detail: 'enough' },
    });
  });

  it('each try is marked with its number', async () => {
    const { journal, run } = await remoteRun(
      (task) => {
        if (task.attempt < 3) throw new Error('not yet');
      },
      { attempts: 3, backoff: 0 },
    );
    run.begin();
    expect((await run.outcome).status).toBe('completed');
    expect(journal.marks).toEqual(['running 1', 'running 2', 'running 3']);
  });

  it('that is cancelled before it begins never begins', async () => {
    const { journal, run, told } = await remoteRun(() => {
      throw new Error('called');
    });
    journal.turns = () => 5;
    expect(run.cancel('external')).toBe(true);
    expect([run.status, run.over, run.decided]).toEqual(['pending', false, true]);
    run.begin();
    expect(run.cancel('external')).toBe(false);
    expect(await run.outcome).toMatchObject({ status: 'cancelled', started: false });
    expect(typesIn(journal.log)).toEqual(['cancelled']);
    expect(journal.marks).toEqual([]);
    expect(told).toEqual(['free', 'over', 'settled']);
  });
});

describe('a run whose journal is no longer the owner', () => {
  it('lost: it ends by the rules, and nothing of it is seen from then on', async () => {
    const noticed = deferred();
    const { journal, run, told } = await remoteRun(async (task) => {
      await task.sendEvent('before');
      // It is on its way when the task is lost.
      void task.sendEvent('lost');
      try {
        await task.sleep(60_000);
      } finally {
        void task.sendEvent('cleanup');
        noticed.resolve();
      }
    });
    run.begin();
    while (!typesIn(journal.log).includes('before')) await nextTurn();
    journal.fence();
    expect(run.cancel('lost')).toBe(true);
    await noticed.promise;
    expect(await run.outcome).toMatchObject({ status: 'cancelled', reason: { kind: 'lost' } });
    for (let turn = 0; turn < 30; turn++) await nextTurn();
    expect(typesIn(journal.log)).toEqual(['started', 'before']);
    expect(journal.log.ended).toBe(false);
    expect(journal.record).toBeUndefined();
    expect(journal.marks).toEqual(['running 1']);
    expect(told).toEqual(['free', 'over', 'settled']);
  });

  it('lost while its end is on its way: it is over, and its end is not seen', async () => {
    const { journal, run, arrival } = await endingRun();
    journal.fence();
    expect(run.cancel('lost')).toBe(false);
    arrival.resolve();
    expect((await run.outcome).status).toBe('completed');
    expect(endsIn(journal.log)).toEqual([]);
  });

  it('handed over: what was written before is there, and no end', async () => {
    const { journal, run } = await remoteRun(async (task) => {
      for (let n = 0; n < 5; n++) void task.sendEvent(`e${n}`);
      await task.sleep(60_000);
    });
    journal.turns = () => 3;
    run.begin();
    while (!run.events.lastEventId) await nextTurn();
    await journal.release();
    expect(run.cancel('shutdown')).toBe(true);
    expect(await run.outcome).toMatchObject({ status: 'cancelled', reason: { kind: 'shutdown' } });
    expect(typesIn(journal.log)).toEqual(['started', 'e0', 'e1', 'e2', 'e3', 'e4']);
    expect(journal.log.ended).toBe(false);
  });
});

describe('a journal that does not take what is written', () => {
  it('an event: the handler is told, the event has no number, and the run goes on', async () => {
    const { journal, run } = await remoteRun(async (task) => {
      await task.sendEvent('one');
      journal.refusal = new Error('no room');
      expect(() => task.sendEvent('two')).toThrow('no room');
      await task.sendEvent('three');
    });
    run.begin();
    expect((await run.outcome).status).toBe('completed');
    expect(typesIn(journal.log)).toEqual(['started', 'one', 'three', 'completed']);
    expect(journal.log.lastSeq).toBe(4);
  });

  it('an event of the run itself: it goes on without it', async () => {
    const { journal, run, lines } = await remoteRun(() => 'done');
    journal.refusal = new Error('no room');
    run.begin();
    expect((await run.outcome).status).toBe('completed');
    expect(typesIn(journal.log)).toEqual(['completed']);
    expect(lines.join()).toMatch(/The event "started" of test:work:one[^]*no room/);
  });

  it('the end: it ends all the same, in the same call', async () => {
    const { journal, run, told, lines } = await remoteRun(() => 'done');
    journal.refusal = new Error('no room');
    expect(run.cancel('external')).toBe(true);
    expect(told).toEqual(['free', 'over']);
    expect((await run.outcome).status).toBe('cancelled');
    expect(lines.join()).toMatch(/The event "cancelled" of test:work:one[^]*no room/);
  });

  it('an end that fails on its way: it ends all the same, and says so', async () => {
    const { run, arrival, lines } = await endingRun();
    arrival.reject(new Error('no store'));
    expect((await run.outcome).status).toBe('completed');
    expect(lines).toEqual([expect.stringContaining('its log had not taken that')]);
  });
});

describe('a shutdown while ends are on their way', () => {
  it('waits for them', async () => {
    const { run, store, options, arrival } = await endingRun();
    const report = shutdownOf(options, store).run();
    for (let turn = 0; turn < 10; turn++) await nextTurn();
    expect(run.over).toBe(false);
    arrival.resolve();
    expect(await report).toMatchObject({ completed: 1, cancelled: 0, abandoned: [] });
    expect(run.over).toBe(true);
  });

  it.each([
    ['that are on their way already', true],
    ['of tasks that it cancels', false],
  ])('waits no longer than its time for ends %s', async (_what, isEnding) => {
    using clock = new StoppedClock();
    const { journal, run, store, options, lines } = await remoteRun((task) => isEnding || task.sleep(60_000));
    journal.turns = () => (run.events.lastEventId ? Infinity : 0);
    run.begin();
    while (isEnding ? !run.decided : !run.events.lastEventId) await nextTurn();
    const report = await clock.until(shutdownOf(options, store).run({ timeout: 500 }));
    expect(report).toMatchObject({ durationMs: 500, [isEnding ? 'completed' : 'cancelled']: 1 });
    expect(run.over).toBe(true);
    expect(lines).toEqual([expect.stringContaining('its log had not taken that')]);
  });
});

/** What meets a run, so many turns after it has begun. */
const happenings = fc.array(
  fc.record({ turn: fc.nat({ max: 60 }), do: fc.constantFrom('cancel' as const, 'lose' as const) }),
  { maxLength: 4 },
);

describe('whatever meets a run', () => {
  it('it settles; its end is seen once, unless it was lost; a cancel that was accepted is how it ends', () =>
    fc.assert(
      fc.asyncProperty(
        happenings,
        fc.array(fc.nat({ max: 20 }), { minLength: 1, maxLength: 8 }),
        fc.nat({ max: 20 }),
        async (meetings, delays, work) => {
          const { journal, run } = await remoteRun(async (task) => {
            for (let n = 0; n < work; n++) {
              void task.sendEvent('n', n);
              await task.waitFor(nextTurn());
            }
          });
          let write = 0;
          journal.turns = () => delays[write++ % delays.length]!;
          let seen: number | undefined;
          let isCancelled = false;
          const meet = async ({ turn, do: what }: (typeof meetings)[number]): Promise<void> => {
            for (let n = 0; n < turn; n++) await nextTurn();
            if (what === 'lose') {
              seen ??= journal.log.lastSeq;
              journal.fence();
            }
            if (run.cancel(what === 'lose' ? 'lost' : 'external')) isCancelled = true;
          };
          run.begin();
          await Promise.all(meetings.map(meet));
          const { status } = await run.outcome;
          expect(status).toBe(isCancelled ? 'cancelled' : 'completed');
          for (let n = 0; n < 30; n++) await nextTurn();
          if (seen === undefined) expect(endsIn(journal.log)).toEqual([status]);
          else expect(journal.log.lastSeq).toBe(seen);
          expect(run.status).toBe(status);
        },
      ),
      { numRuns: 100 },
    ));
});

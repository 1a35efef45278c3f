import { describe, expect, it } from '@jest/globals';
import { CancelScope, type TaskContext } from 'nestjs-streaming';
import { createTaskApp, handlerTask } from '../../support/app.js';
import { heapGrowth, listenersOf, MiB, Mortals } from '../gc.js';
import { VirtualClock, withClock } from '../time/virtual-clock.js';

/** 20 MiB for 100 000 of anything, and less for fewer. */
const mostFor = (count: number): number => (20 * MiB * count) / 100_000;

/** Runs something so often, a thousand at a time. */
async function inBatches(count: number, body: () => Promise<unknown>): Promise<void> {
  for (let done = 0; done < count; done += 1_000) {
    await Promise.all(Array.from({ length: Math.min(1_000, count - done) }, body));
  }
}

/** A scope whose signal was asked for, as `fetch` and its like do. */
function rootWithSignal(): CancelScope {
  const root = CancelScope.root();
  expect(root.signal.aborted).toBe(false);
  return root;
}

describe('One scope keeps nothing of', () => {
  it.each<[number, string, (root: CancelScope) => Promise<unknown>]>([
    [100_000, 'sleeps', (root) => root.sleep(0)],
    [100_000, 'yields', (root) => root.yield()],
    [100_000, 'waits', (root) => root.waitFor(Promise.resolve())],
    [100_000, 'timeouts', (root) => root.timeout(60_000, async (scope) => scope.signal.aborted)],
    [
      50_000,
      'timeouts that expire',
      (root) => root.timeout(1, (scope) => scope.sleep(60_000)).catch(() => undefined),
    ],
    [50_000, 'shields', (root) => root.shield(async (scope) => scope.signal.aborted, { timeout: 60_000 })],
    [50_000, 'scopes that are cancelled', (root) => root.scope(async (scope) => scope.cancel())],
    [100_000, 'disposed callbacks', async (root) => root.onCancel(() => undefined)[Symbol.dispose]()],
    [20_000, 'groups', (root) => root.group((group) => group.spawn(async (child) => child.signal.aborted))],
    [
      20_000,
      'failed groups',
      (root) => root.all([() => Promise.reject(new Error('x'))]).catch(() => undefined),
    ],
  ])('%d %s', async (times, _what, body) => {
    const root = rootWithSignal();
    const growth = await heapGrowth((count) => inBatches(count, () => body(root)), times);
    expect(listenersOf(root.signal)).toBe(0);
    expect(growth).toBeLessThan(mostFor(times));
  });

  it('its scopes and its children, once they have ended', async () => {
    const root = rootWithSignal();
    const mortals = new Mortals();
    const keep = async (scope: CancelScope): Promise<void> => {
      mortals.add(scope);
      mortals.add(scope.signal);
    };
    const open = async (): Promise<void> => {
      await root.scope(keep);
      await root.timeout(60_000, keep);
      await root.shield(keep);
      await root.scope((scope) => scope.scope(keep));
      await root.group(async (group) => {
        await keep(group);
        for (let n = 0; n < 100; n++) void group.spawn(keep);
      });
      await root
        .timeout(0, async (scope) => {
          await keep(scope);
          await scope.sleep(1);
        })
        .catch(() => undefined);
    };
    await open();
    expect(await mortals.left()).toBe(0);
    expect(root.cancelled).toBe(false);
  });

  it('what was cancelled with it, but its own reason', async () => {
    const mortals = new Mortals();
    const root = rootWithSignal();
    const run = (): Promise<unknown> =>
      root
        .group(async (group) => {
          for (let n = 0; n < 100; n++) {
            void group.spawn(async (child) => {
              mortals.add(child);
              await child.sleep(60_000);
            });
          }
          await group.yield();
          root.cancel();
        })
        .catch(() => undefined);
    await run();
    expect(await mortals.left()).toBe(0);
    expect(root.reason).toEqual({ kind: 'self' });
  });
});

describe('No timer is left', () => {
  it('of what ended, was cancelled or failed', async () => {
    const clock = new VirtualClock();
    await withClock(clock, async () => {
      const root = CancelScope.root();
      const failing = (): Promise<never> => Promise.reject(new Error('Broken'));
      const ends = [
        root.timeout(60_000, async (scope) => scope.reschedule(50_000)),
        root.timeout(60_000, failing),
        root.shield(failing, { timeout: 60_000 }),
        root.timeout(60_000, async (scope) => void scope.cancel()),
        root.scope(async (scope) => {
          scope.reschedule(60_000);
          scope.cancel();
          await scope.sleep(60_000);
        }),
        root.all([
          failing,
          (scope) => scope.sleep(60_000),
          (scope) => scope.timeout(60_000, (s) => s.sleep(1e12)),
        ]),
      ];
      await Promise.allSettled(ends);
      expect(clock.pending).toBe(0);
      const sleeps = [root.sleep(60_000), root.timeout(60_000, (scope) => scope.sleep(60_000))];
      expect(clock.pending).toBe(3);
      root.cancel();
      await Promise.allSettled(sleeps);
      expect(clock.pending).toBe(0);
    });
  });
});

describe('Tasks keep nothing', () => {
  it('20 000 that open scopes, groups and shields', async () => {
    const Busy = handlerTask(async (task: TaskContext) => {
      task.onCancel(() => undefined);
      await task.timeout(60_000, (scope) => scope.all([async (child) => child.signal.aborted]));
      await task.shield((scope) => scope.scope(async (inner) => inner.cancel()));
      return task.signal.aborted;
    });
    const { coordinator } = await createTaskApp({
      tasks: [Busy],
      listen: false,
      options: { replay: { retention: 0 } },
    });
    const growth = await heapGrowth(
      (count) => inBatches(count, async () => (await coordinator.start(Busy, {})).outcome),
      20_000,
    );
    expect((await coordinator.list()).items).toEqual([]);
    expect(growth).toBeLessThan(mostFor(20_000));
  });

  it('nor do 2 000 that are cancelled, with their contexts', async () => {
    const mortals = new Mortals();
    const Sleeping = handlerTask((task) => {
      mortals.add(task);
      return task.group(async (group) => {
        void group.spawn((child) => child.sleep(60_000));
        await task.timeout(60_000, (scope) => scope.sleep(60_000));
      });
    });
    const { coordinator } = await createTaskApp({
      tasks: [Sleeping],
      listen: false,
      options: { replay: { retention: 0 } },
    });
    const run = (): Promise<void> =>
      inBatches(2_000, async () => {
        const handle = await coordinator.start(Sleeping, {});
        await new Promise(setImmediate);
        await handle.cancel();
        expect((await handle.outcome).status).toBe('cancelled');
      });
    await run();
    expect(await mortals.left()).toBe(0);
  });
});

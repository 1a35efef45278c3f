import { describe, expect, it } from '@jest/globals';
import { listenersOf, Mortals } from '../../../cancellation/gc.js';
import { startTask } from '../../../support/app.js';
import { deferred } from '../../../support/wait.js';
import { expectEnd } from '../expect-end.js';

describe('LK. Leaks of groups', () => {
  it('LK.196 a group of 10 000 children leaves no listener, and retains no child', async () => {
    const children = new Mortals();
    const grouped = deferred();
    let signal: AbortSignal | undefined;
    const started = await startTask(async (task) => {
      signal = task.signal;
      await task.group(async (group) => {
        for (let n = 0; n < 10_000; n++) {
          void group.spawn(async (child) => {
            children.add(child);
            children.add(child.signal);
            await child.sleep(0);
          });
        }
      });
      grouped.resolve();
      // The parent lives on, and its children do not.
      await task.sleep(60_000);
    });
    await grouped.promise;
    expect(await children.left()).toBe(0);
    expect(listenersOf(signal!)).toBe(0);
    await started.handle.cancel();
    await expectEnd(started, 'cancelled');
    expect(listenersOf(signal!)).toBe(0);
  });

  it('LK.196 nor does one that is cancelled', async () => {
    const children = new Mortals();
    const sleeping = deferred();
    const started = await startTask(async (task) => {
      await task.group(async (group) => {
        for (let n = 0; n < 10_000; n++) {
          void group.spawn(async (child) => {
            children.add(child);
            await child.sleep(60_000);
          });
        }
        await group.yield();
        sleeping.resolve();
      });
    });
    await sleeping.promise;
    await started.handle.cancel();
    const outcome = await expectEnd(started, 'cancelled');
    expect(await children.left()).toBe(0);
    // Though what they were cancelled with is still there.
    expect(outcome.reason?.kind).toBe('external');
  });
});

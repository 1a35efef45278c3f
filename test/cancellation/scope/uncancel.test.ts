import { describe, expect, it } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import {
  CancelledError,
  CancelScope,
  isCancellation,
  ScopeEndedError,
  ScopeTimeoutError,
  TaskEndedError,
  type TaskContext,
} from 'nestjs-streaming';
import { startTask } from '../../support/app.js';
import { StoppedClock } from '../../support/stopped-clock.js';
import { deferred } from '../../support/wait.js';

/** Runs a handler in a task that is cancelled once it waits, and gives what it returned. */
async function cancelled<T>(handler: (task: TaskContext) => Promise<T>): Promise<unknown> {
  const started = await startTask(handler);
  await started.running;
  expect(await started.handle.cancel()).toBe(true);
  const outcome = await started.handle.outcome;
  expect(outcome.error).toBeUndefined();
  expect(outcome.status).toBe('completed');
  return outcome.value;
}

/** Waits in a scope until it is cancelled. */
async function cancelOf(scope: CancelScope): Promise<CancelledError> {
  const error: unknown = await scope.sleep(60_000).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(CancelledError);
  return error as CancelledError;
}

async function nameOfError(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'none',
    (error: unknown) => (error as Error).name,
  );
}

describe('uncancel() and the scopes inside', () => {
  it('opens them again, at any depth, with fresh signals', async () => {
    const scopes: CancelScope[] = [];
    const value = await cancelled((task) => {
      const nest = async (scope: CancelScope, depth: number): Promise<unknown> => {
        scopes.push(scope);
        if (depth > 0) return scope.scope((inner) => nest(inner, depth - 1));
        const signals = scopes.map(({ signal }) => signal);
        await cancelOf(scope);
        expect(signals.every(({ aborted }) => aborted)).toBe(true);
        expect(scopes.every((level) => level.cancelled)).toBe(true);
        task.uncancel();
        expect(scopes.map((level) => level.cancelled)).toEqual(scopes.map(() => false));
        expect(scopes.map(({ signal }) => signal.aborted)).toEqual(scopes.map(() => false));
        expect(scopes.some(({ signal }, index) => signal === signals[index])).toBe(false);
        for (const level of scopes) {
          level.throwIfCancelled();
          await level.sleep(0);
        }
        return 'went on';
      };
      return nest(task, 5);
    });
    expect(value).toBe('went on');
  });

  it('leaves those cancelled that were cancelled by themselves, and what is in them', async () => {
    const value = await cancelled((task) =>
      task.scope(async (outer) => {
        await outer.scope((own) =>
          own.scope(async (below) => {
            own.cancel();
            await cancelOf(task);
            task.uncancel();
            expect([outer.cancelled, own.cancelled, below.cancelled]).toEqual([false, true, true]);
            expect(below.reason).toEqual({ kind: 'parent', root: { kind: 'self' } });
            await below.sleep(1);
          }),
        );
        await outer.sleep(1);
        return 'went on';
      }),
    );
    expect(value).toBe('went on');
  });

  it('cancels them anew with the next request', async () => {
    const ready: (() => void)[] = [];
    const again = new Promise<void>((resolve) => ready.push(resolve));
    const started = await startTask((task) =>
      task.group((group) =>
        group.spawn((child) =>
          child.timeout(60_000, async (scope) => {
            await cancelOf(scope);
            task.uncancel();
            ready[0]?.();
            await scope.sleep(60_000);
          }),
        ),
      ),
    );
    await started.running;
    await new Promise(setImmediate);
    await started.handle.cancel({ detail: 'first' });
    await again;
    await started.handle.cancel({ detail: 'second' });
    const outcome = await started.handle.outcome;
    expect(outcome).toMatchObject({ status: 'cancelled', reason: { kind: 'external', detail: 'second' } });
  });

  it('a deadline that passed while the scope was cancelled counts', async () => {
    const value = await cancelled((task) =>
      nameOfError(
        task.timeout(20, async (scope) => {
          await cancelOf(scope);
          await delay(40);
          task.uncancel();
          expect(scope).toMatchObject({ cancelled: true, expired: true });
          await scope.sleep(60_000);
        }),
      ),
    );
    expect(value).toBe('ScopeTimeoutError');
  });

  it('one that is still to come counts too, also in a scope that was born cancelled', async () => {
    const errors: unknown[] = [];
    const value = await cancelled(async (task) => {
      await cancelOf(task);
      const error: unknown = await task
        .timeout(30, async (scope) => {
          await scope.sleep(0).catch(() => undefined);
          task.uncancel();
          expect(scope).toMatchObject({ cancelled: false, expired: false });
          await scope.sleep(60_000);
        })
        .catch((thrown: unknown) => thrown);
      errors.push(error);
      return task.cancelled;
    });
    expect(value).toBe(false);
    expect(errors[0]).toBeInstanceOf(ScopeTimeoutError);
    expect(errors[0]).toMatchObject({ timeout: 30 });
  });

  it('a deadline cannot be moved while the scope is cancelled, and can be after it', async () => {
    const value = await cancelled((task) =>
      task.timeout(1_000, async (scope) => {
        await cancelOf(scope);
        expect(() => scope.reschedule(null)).toThrow(ScopeEndedError);
        expect(() => task.reschedule(null)).toThrow(TaskEndedError);
        task.uncancel();
        scope.reschedule(null);
        task.reschedule(null);
        return [scope.deadline, task.deadline];
      }),
    );
    expect(value).toEqual([null, null]);
  });

  it('a group goes on: it can spawn, and its children are its own', async () => {
    const value = await cancelled((task) =>
      task.group(async (group) => {
        await cancelOf(group);
        expect(() => group.spawn(async () => 1)).toThrow(CancelledError);
        task.uncancel();
        return group.spawn(async (child) => {
          await child.sleep(1);
          return 'child';
        });
      }),
    );
    expect(value).toBe('child');
  });

  it('a group cancels its other children when its body throws what a child has failed with', async () => {
    const seen: string[] = [];
    const failed = deferred();
    const value = await cancelled(async (task) => {
      const group = task.group(async (children) => {
        void children.spawn(async (child) => {
          // It does not see the cancel that is withdrawn.
          await child.shield((shielded) => shielded.waitFor(failed.promise));
          seen.push(await nameOfError(child.sleep(60_000)));
        });
        const failing = children.spawn(async (child) => {
          await cancelOf(child);
          throw new Error('Broken');
        });
        try {
          await failing;
        } finally {
          task.uncancel();
          failed.resolve();
        }
      });
      return nameOfError(group);
    });
    expect(value).toBe('AggregateError');
    expect(seen).toEqual(['CancelledError']);
  });

  it('does not touch what runs in a shield', async () => {
    const value = await cancelled((task) =>
      task.shield(async (shield) => {
        const { signal } = shield;
        while (!task.cancelled) await shield.sleep(1);
        task.uncancel();
        await shield.sleep(1);
        return shield.signal === signal && !signal.aborted;
      }),
    );
    expect(value).toBe(true);
  });

  it('within an onCancel callback: nobody below ever sees less than a CancelledError', async () => {
    const thrown: unknown[] = [];
    const told: string[] = [];
    const value = await cancelled(async (task) => {
      task.onCancel(() => {
        told.push('task');
        expect(task.uncancel()).toBe(0);
      });
      const sleeps = [task, undefined].map(async (on) =>
        task.scope(async (scope) => {
          scope.onCancel((reason) => told.push(reason.kind));
          const { signal } = scope;
          await (on ?? scope).sleep(60).catch((error: unknown) => thrown.push(error));
          return [scope.cancelled, signal.aborted];
        }),
      );
      const states = await Promise.all(sleeps);
      await task.sleep(1);
      return [states, task.cancelled];
    });
    for (const error of thrown) expect(error).toBeInstanceOf(CancelledError);
    expect(told[0]).toBe('task');
    expect((value as unknown[])[1]).toBe(false);
  });

  it('a second one withdraws the next request, and none below zero', async () => {
    const counts: number[] = [];
    const started = await startTask(async (task) => {
      await cancelOf(task);
      counts.push(task.cancelling, task.uncancel(), task.uncancel(), task.uncancel(), task.cancelling);
      await task.sleep(1);
    });
    await started.running;
    const first = started.handle.cancel();
    await Promise.all([first, started.handle.cancel()]);
    expect((await started.handle.outcome).status).toBe('completed');
    expect(counts).toEqual([2, 1, 0, 0, 0]);
  });

  it("of the application's signal leaves the time limit's, which is the reason from then on, everywhere", async () => {
    const told: unknown[] = [];
    using clock = new StoppedClock();
    const leaving = new AbortController();
    const started = await startTask(
      (task) =>
        task.scope((outer) =>
          outer.scope(async (inner) => {
            const { signal } = task;
            const first = await cancelOf(inner);
            while (task.cancelling < 2) await task.shield((shield) => shield.sleep(1));
            task.onCancel(({ kind }) => told.push(kind));
            expect(task.uncancel()).toBe(1);
            task.onCancel(({ kind }) => told.push(kind));
            expect(task.reason).toMatchObject({ kind: 'timeout', of: 'total' });
            expect(task.expired).toBe(true);
            expect(task.signal).not.toBe(signal);
            expect(task.signal.reason).toMatchObject({ reason: task.reason });
            for (const scope of [outer, inner]) {
              expect(scope.reason).toEqual({ kind: 'parent', root: task.reason });
              expect(scope.signal.aborted).toBe(true);
            }
            expect(isCancellation(first, inner.signal)).toBe(true);
            // None that can be withdrawn is left.
            expect(task.uncancel()).toBe(1);
            inner.throwIfCancelled();
          }),
        ),
      { task: { timeout: 40 }, start: { signal: leaving.signal } },
    );
    await started.running;
    leaving.abort(new Error('The user has left'));
    const { status, reason, error } = await clock.until(started.handle.outcome);
    expect([status, reason?.kind]).toEqual(['timeout', 'timeout']);
    const { cause } = error as Error;
    expect(cause).toMatchObject({ reason });
    expect(cause).not.toHaveProperty('cause');
    expect(told).toEqual(['external', 'timeout']);
  });

  it('before the scopes were told: then they are told of what stands', async () => {
    const scopes: CancelScope[] = [];
    const started = await startTask(
      async (task) => {
        const open = (): Promise<void> =>
          task.scope(async (scope) => {
            scopes.push(task, scope);
            await scope.sleep(60_000);
          });
        await Promise.all([open(), open()]);
      },
      { task: { announceCancelling: true } },
    );
    await started.running;
    const [task, child] = scopes as [TaskContext, CancelScope];
    started.handle.events().subscribe(({ type }) => {
      if (type !== 'cancelling') return;
      // Both are due at once, so the child's time is the task's.
      task.reschedule(0);
      child.reschedule(0);
      expect(task.cancelling).toBe(2);
      expect(task.uncancel()).toBe(1);
      expect(task.cancelled).toBe(false);
    });
    await started.handle.cancel();
    expect(await started.handle.outcome).toMatchObject({
      status: 'timeout',
      reason: { of: 'total' },
      abandoned: false,
    });
  });

  it('between two tries begins no time without an event: nobody could send one', async () => {
    let tries = 0;
    const started = await startTask(
      async (task) => {
        if (++tries > 1) return 'done';
        task.defer(() => {
          task.cancel();
          task.uncancel();
        });
        throw new Error('The first try fails');
      },
      { task: { attempts: 2, backoff: 80, idleTimeout: 20 } },
    );
    expect(await started.handle.outcome).toMatchObject({ status: 'completed', value: 'done' });
  });
});

describe('A cancellation that is taken back while it is told', () => {
  it('by one with another reason: whoever was not told yet is told of that, once', async () => {
    const root = CancelScope.root();
    const told: unknown[] = [];
    root.onCancel(() => root.node.replaceReason({ kind: 'external', detail: 'second' }));
    root.onCancel(({ detail }) => told.push(detail));
    await root.scope(async (scope) => {
      const { signal } = scope;
      signal.addEventListener('abort', () => told.push('aborted'));
      scope.onCancel(({ root: first }) => told.push(first?.detail));
      const sleeping = scope.sleep(60_000).catch((error: unknown) => error);
      root.cancel('first');
      expect(told).toEqual(['aborted', 'second', 'second']);
      expect(scope.signal).toBe(signal);
      expect(await sleeping).toBe(signal.reason);
    });
    expect(root.signal.reason).toMatchObject({ reason: { detail: 'second' } });
  });

  it('for good: a signal that was not told yet tells of the next', async () => {
    const root = CancelScope.root();
    root.onCancel(() => root.node.reset());
    await root.scope(async (scope) => {
      const { signal } = scope;
      root.cancel('first');
      expect([root.cancelled, scope.cancelled, signal.aborted]).toEqual([false, false, false]);
      root.cancel('second');
      expect(signal.aborted).toBe(true);
      expect(scope.signal).toBe(signal);
    });
  });
});

describe('A cancellation that an onCancel() callback withdraws', () => {
  it('ends no wait of the task', async () => {
    const value = await cancelled(async (task) => {
      task.onCancel(() => task.uncancel());
      await task.sleep(20);
      return task.scope(async (scope) => {
        await scope.sleep(1);
        return 'whole';
      });
    });
    expect(value).toBe('whole');
  });
});

import { describe, expect, it } from '@jest/globals';
import { CancelledError, type CancelScope } from 'nestjs-streaming';
import { startTask } from '../../../support/app.js';
import { deferred } from '../../../support/wait.js';
import { expectEnd, rejection } from '../expect-end.js';

describe('PR. Propagation in the tree of scopes', () => {
  it('PR.033 cancelling a child scope aborts neither its sibling nor its parent, and the task goes on', async () => {
    const trace: unknown[] = [];
    const started = await startTask(async (task) => {
      const inSibling = deferred();
      let sibling: CancelScope | undefined;
      const [cancelled, other] = await Promise.all([
        task.scope(async (scope) => {
          await inSibling.promise;
          trace.push(scope.cancel('only this one'), scope.signal.aborted, scope.reason);
          trace.push(sibling?.signal.aborted, sibling?.cancelled, task.signal.aborted, task.cancelled);
          await scope.sleep(60_000);
        }),
        task.scope(async (scope) => {
          sibling = scope;
          inSibling.resolve();
          await scope.sleep(20);
          return 'finished';
        }),
      ]);
      trace.push(cancelled, other, task.cancelling);
      await task.sleep(1);
      return 'went on';
    });
    const outcome = await expectEnd(started, 'completed');
    expect(outcome).toMatchObject({ value: 'went on', requests: [], swallowed: false });
    expect(trace).toEqual([
      true,
      true,
      { kind: 'self', detail: 'only this one' },
      false,
      false,
      false,
      false,
      undefined,
      'finished',
      0,
    ]);
  });

  it('PR.034 a child scope of a cancelled scope is born aborted, and its first checkpoint throws', async () => {
    const entered: string[] = [];
    const thrown: unknown[] = [];
    const started = await startTask(async (task) => {
      await rejection(task.sleep(60_000));
      const born = async (scope: CancelScope, name: string): Promise<void> => {
        entered.push(name);
        expect([scope.cancelled, scope.signal.aborted, scope.reason?.kind]).toEqual([true, true, 'parent']);
        const error = await rejection(scope.sleep(60_000));
        expect(error).toBe(scope.signal.reason);
        expect(() => scope.throwIfCancelled()).toThrow(error);
        throw error;
      };
      thrown.push(await rejection(task.scope((scope) => born(scope, 'scope'))));
      thrown.push(await rejection(task.timeout(10_000, (scope) => born(scope, 'timeout'))));
      thrown.push(await rejection(task.group((scope) => born(scope, 'group'))));
      thrown.push(await rejection(task.scope((a) => a.scope((b) => born(b, 'inner')))));
      task.throwIfCancelled();
    });
    await started.running;
    await started.handle.cancel();
    const outcome = await expectEnd(started, 'cancelled');
    expect(entered).toEqual(['scope', 'timeout', 'group', 'inner']);
    // What comes out of them is the task's own cancellation.
    expect(thrown).toEqual([outcome.error, outcome.error, outcome.error, outcome.error]);
  });

  it('PR.034 what a body returns in a scope that was born aborted is no value of it', async () => {
    const thrown: unknown[] = [];
    const started = await startTask(async (task) => {
      await rejection(task.sleep(60_000));
      thrown.push(await rejection(task.scope(async () => 'a')));
      thrown.push(await rejection(task.timeout(10_000, async () => 'b')));
      thrown.push(await rejection(task.group(async () => 'c')));
      thrown.push(await rejection(task.all([])));
      throw thrown[0];
    });
    await started.running;
    await started.handle.cancel();
    const outcome = await expectEnd(started, 'cancelled');
    expect(thrown).toEqual([outcome.error, outcome.error, outcome.error, outcome.error]);
    expect(thrown.every((error) => error === outcome.error)).toBe(true);
  });

  it('PR.035 three scopes deep the reason is parent, and its root the external one', async () => {
    const reasons: unknown[] = [];
    const started = await startTask((task) =>
      task.scope((a) =>
        a.timeout(60_000, (b) =>
          b.group((c) =>
            c.spawn(async (d) => {
              try {
                await d.sleep(60_000);
              } catch (error) {
                expect(error).toBe(d.signal.reason);
                expect(error).toBeInstanceOf(CancelledError);
                reasons.push((error as CancelledError).reason);
                throw error;
              } finally {
                reasons.push(d.reason, c.reason, b.reason, a.reason, task.reason);
              }
            }),
          ),
        ),
      ),
    );
    await started.running;
    await started.handle.cancel({ detail: 'enough', by: 'admin' });
    const outcome = await expectEnd(started, 'cancelled');
    const root = { kind: 'external', detail: 'enough', by: 'admin' };
    const parent = { kind: 'parent', root };
    expect(reasons).toEqual([parent, parent, parent, parent, parent, root]);
    expect(outcome.reason).toEqual(root);
  });

  it('PR.035 the root of what a failed neighbour cancels is the failure', async () => {
    const failure = new RangeError('Broken');
    const reasons: unknown[] = [];
    const started = await startTask(async (task) => {
      await rejection(
        task.group(async (group) => {
          void group.spawn((child) =>
            child.scope(async (scope) => {
              const error = await rejection(scope.sleep(60_000));
              reasons.push(scope.reason, child.reason, group.reason, (error as Error).message);
              throw error;
            }),
          );
          await group.sleep(5);
          throw failure;
        }),
      );
      return task.cancelling;
    });
    expect(await expectEnd(started, 'completed')).toMatchObject({ value: 0 });
    const root = { kind: 'sibling', error: failure };
    expect(reasons.slice(0, 3)).toEqual([{ kind: 'parent', root }, { kind: 'parent', root }, root]);
    expect(reasons[3]).toMatch(/^Cancelled: /);
  });
});

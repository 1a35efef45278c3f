import { describe, expect, it } from '@jest/globals';
import { CancelScope, type TaskContext } from 'nestjs-streaming';
import { startTask } from '../../support/app.js';
import { InstalledPackage } from '../../support/programs/installed.js';
import { eventually, patience, withTimeout } from '../../support/wait.js';

const throwing = (): never => {
  throw new Error('Callback failed');
};

describe('onCancel callbacks', () => {
  it('one that throws in a scope of a task is logged with the task’s key, and stops nothing', async () => {
    const called: string[] = [];
    const started = await startTask((task) =>
      task.scope((scope) =>
        scope.timeout(60_000, async (inner) => {
          for (const level of [task, scope, inner]) {
            level.onCancel(throwing);
            level.onCancel(() => called.push('second'));
          }
          await inner.sleep(60_000);
        }),
      ),
    );
    await started.running;
    expect(await started.handle.cancel()).toBe(true);
    expect((await started.handle.outcome).status).toBe('cancelled');
    expect(called).toHaveLength(3);
    const lines = started.logs.errors.filter((line) => line.includes('Callback failed'));
    expect(lines).toHaveLength(3);
    for (const line of lines) {
      expect(line).toContain(`test:${started.handle.ref.name}:${started.handle.id}`);
      expect(line).toContain('onCancel()');
    }
  });

  it('nor does one that is registered after the cancel, or in a shield', async () => {
    const started = await startTask(async (task) => {
      await task.sleep(60_000).catch(() => undefined);
      task.onCancel(throwing);
      await task.shield(async (shield) => {
        shield.onCancel(throwing);
        shield.cancel();
      });
      task.throwIfCancelled();
    });
    await started.running;
    await started.handle.cancel();
    expect((await started.handle.outcome).status).toBe('cancelled');
    expect(started.logs.errors.filter((line) => line.includes(started.handle.id))).toHaveLength(2);
  });

  it('one that throws in a scope without a task is an uncaught exception that says so, after all is told', async () => {
    const installed = new InstalledPackage(['cancellation']);
    const { code, stdout, stderr } = await installed.run(`
      import { CancelScope } from 'nestjs-streaming/cancellation';
      process.on('uncaughtException', (error) => console.log(error.message, '|', error.cause?.message));
      const root = CancelScope.root();
      await root.scope(async (scope) => {
        scope.onCancel(() => { throw new Error('Callback failed'); });
        scope.onCancel(() => console.log('second'));
        console.log(root.cancel());
        await scope.sleep(60_000);
      }).catch((error) => console.log(error.name));
    `);
    installed[Symbol.dispose]();
    expect(stderr).toBe('');
    expect(stdout.split('\n').toSorted()).toEqual(
      [
        '',
        'A callback given to onCancel() failed | Callback failed',
        'CancelledError',
        'second',
        'true',
      ].toSorted(),
    );
    expect(code).toBe(0);
  });

  it('may cancel, dispose of others, register more and open scopes', async () => {
    const trace: unknown[] = [];
    const root = CancelScope.root();
    const disposed = { registration: undefined as Disposable | undefined };
    root.onCancel(() => {
      trace.push(root.cancel(), root.cancelled);
      disposed.registration?.[Symbol.dispose]();
      root.onCancel(() => trace.push('registered'));
      void root.scope(async (scope) => trace.push(scope.cancelled)).catch(() => undefined);
    });
    disposed.registration = root.onCancel(() => trace.push('disposed'));
    const last = root.onCancel(() => trace.push('last'));
    expect(root.cancel()).toBe(true);
    last[Symbol.dispose]();
    expect(trace).toEqual([false, true, 'registered', true, 'last']);
  });

  it('the same function twice is called twice, and each is disposed of alone', () => {
    let calls = 0;
    const callback = (): void => void calls++;
    const root = CancelScope.root();
    root.onCancel(callback);
    const second = root.onCancel(callback);
    second[Symbol.dispose]();
    second[Symbol.dispose]();
    root.onCancel(callback);
    root.cancel();
    expect(calls).toBe(2);
  });

  it('are not called after the end of their scope', async () => {
    let calls = 0;
    const root = CancelScope.root();
    await root.scope(async (scope) => void scope.onCancel(() => calls++));
    root.cancel();
    expect(calls).toBe(0);
  });
});

describe('Checkpoints', () => {
  it('what waitFor no longer waits for is no unhandled rejection, cancelled before or after', async () => {
    // The suite fails on one, see test/support/setup.ts.
    const failing = (): Promise<never> => Promise.reject(new Error('Broken'));
    const late = async (): Promise<never> => {
      await new Promise(setImmediate);
      return failing();
    };
    const root = CancelScope.root();
    const waiting = [root.waitFor(late()), root.waitFor(new Promise<never>(() => {}))];
    root.cancel();
    for (const wait of [...waiting, root.waitFor(failing()), root.waitFor(late())]) {
      await expect(wait).rejects.toBe(root.signal.reason);
    }
    for (let n = 0; n < 3; n++) await new Promise(setImmediate);
  });

  it('waitFor gives the value or the error of what it waits for, plain values too', async () => {
    const root = CancelScope.root();
    const failure = new Error('Broken');
    expect(await root.waitFor(Promise.resolve(5))).toBe(5);
    expect(await root.waitFor(7 as unknown as PromiseLike<number>)).toBe(7);
    await expect(root.waitFor(Promise.reject(failure))).rejects.toBe(failure);
  });

  it('a sleep in a scope left behind is cancelled with what is around it', async () => {
    const root = CancelScope.root();
    const left: Promise<unknown>[] = [];
    await root.scope(async (scope) => {
      left.push(scope.scope((inner) => inner.sleep(60_000)).catch((error: unknown) => error));
    });
    root.cancel();
    expect(await left[0]).toBe(root.signal.reason);
  });

  it('nor is one left behind in a shield out of reach, when what is around that was cancelled already', async () => {
    const root = CancelScope.root();
    root.cancel();
    const left: Promise<unknown>[] = [];
    await root.shield(async (shield) => {
      const inner = shield.scope((scope) => scope.sleep(60_000));
      left.push(inner.catch((error: unknown) => error));
    });
    expect(await withTimeout(left[0]!, patience, 'the end of the sleep')).toBe(root.signal.reason);
  });

  it('a handler that never yields holds the loop; the cancel is accepted once it lets go', async () => {
    const trace: unknown[] = [];
    const started = await startTask(async (task: TaskContext) => {
      setTimeout(() => void started.handle.cancel().then((accepted) => trace.push(accepted)), 10);
      for (const end = performance.now() + 100; performance.now() < end;) task.throwIfCancelled();
      trace.push(task.cancelled);
      await task.sleep(1_000);
      trace.push('slept');
    });
    expect((await started.handle.outcome).status).toBe('cancelled');
    await eventually(() => expect(trace).toEqual([false, true]));
  });
});

import { describe, expect, it } from '@jest/globals';
import { getEventListeners, setMaxListeners } from 'node:events';
import { runInThisContext } from 'node:vm';
import type { TaskContext } from 'nestjs-streaming';
import { collect, createTaskApp, handlerTask, startTask } from '../../../support/app.js';
import { deferred } from '../../../support/wait.js';
import { expectEnd } from '../expect-end.js';

const collectGarbage = runInThisContext('gc') as () => void;

/** The heap in bytes, once what can go is gone. */
async function heapUsed(): Promise<number> {
  for (let n = 0; n < 2; n++) {
    collectGarbage();
    await new Promise(setImmediate);
  }
  return process.memoryUsage().heapUsed;
}

const listenersOf = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length;

describe('LK. Leaks', () => {
  it('LK.187 100 000 completed tasks leave no listener behind, and next to no memory', async () => {
    const Quick = handlerTask(async (task) => {
      task.onCancel(() => undefined);
      await Promise.resolve();
      return task.signal.aborted;
    });
    const { coordinator } = await createTaskApp({
      tasks: [Quick],
      listen: false,
      options: { replay: { retention: 0 } },
    });
    const outliving = new AbortController();
    setMaxListeners(0, outliving.signal);
    const batch = async (count: number): Promise<void> => {
      const handles = await Promise.all(
        Array.from({ length: count }, () => coordinator.start(Quick, {}, { signal: outliving.signal })),
      );
      await Promise.all(handles.map((handle) => handle.outcome));
    };
    // What is made once is made before the count begins.
    for (let n = 0; n < 5; n++) await batch(1_000);
    const before = await heapUsed();
    for (let n = 0; n < 100; n++) await batch(1_000);
    const grown = (await heapUsed()) - before;
    expect(listenersOf(outliving.signal)).toBe(0);
    expect((await coordinator.list()).items).toEqual([]);
    expect(grown).toBeLessThan(20 * 1024 * 1024);
  }, 120_000);

  it('LK.188 100 000 sleeps in one task leave no listener on its signal', async () => {
    let signal: AbortSignal | undefined;
    const started = await startTask(async (task) => {
      signal = task.signal;
      for (let batch = 0; batch < 100; batch++) {
        await Promise.all(Array.from({ length: 1_000 }, () => task.sleep(0)));
      }
      return listenersOf(task.signal);
    });
    const outcome = await expectEnd(started, 'completed');
    expect(outcome.value).toBe(0);
    expect(listenersOf(signal!)).toBe(0);
  });

  it('LK.190 1 000 sleeps at once emit no MaxListenersExceededWarning', async () => {
    const sleeping = deferred();
    const started = await startTask(async (task) => {
      const sleeps = Array.from({ length: 1_000 }, () => task.sleep(60_000));
      // What a handler gives its signal to listens on it.
      for (let n = 0; n < 100; n++) task.signal.addEventListener('abort', () => undefined);
      sleeping.resolve();
      await Promise.all(sleeps);
    });
    // The suite fails on such a warning, see test/support/setup.ts.
    await sleeping.promise;
    await started.handle.cancel();
    await expectEnd(started, 'cancelled');
  });

  it('LK.192 an external signal has no listener once the task has settled, however it ended', async () => {
    const Any = handlerTask(
      async (task: TaskContext<'return' | 'throw' | 'sleep'>) => {
        if (task.input === 'sleep') await task.sleep(60_000);
        if (task.input === 'throw') throw new Error('Broken');
      },
      { name: 'any' },
    );
    const { coordinator } = await createTaskApp({ tasks: [Any], listen: false });
    const examples = [
      { status: 'completed', input: 'return' },
      { status: 'failed', input: 'throw' },
      { status: 'cancelled', input: 'sleep' },
      { status: 'timeout', input: 'sleep', timeout: 20 },
    ] as const;
    for (const { status, input, ...options } of examples) {
      const { signal } = new AbortController();
      const handle = await coordinator.start(Any, input, { ...options, signal });
      const events = collect(handle.events());
      await events.until('started');
      if (status === 'cancelled') await handle.cancel();
      await expectEnd({ handle, events }, status);
      expect(listenersOf(signal)).toBe(0);
    }
  });

  it('LK.192 the abort of an external signal is an external cancel, and leaves no listener either', async () => {
    const controller = new AbortController();
    const started = await startTask((task) => task.sleep(60_000), { start: { signal: controller.signal } });
    await started.running;
    expect(listenersOf(controller.signal)).toBe(1);
    controller.abort(new Error('The client went away'));
    const outcome = await expectEnd(started, 'cancelled');
    expect(outcome.reason?.kind).toBe('external');
    expect(listenersOf(controller.signal)).toBe(0);
  });

  it('LK.194 a start with an aborted signal never invokes the handler; the task ends cancelled', async () => {
    let calls = 0;
    const Worker = handlerTask(() => ++calls);
    const { coordinator } = await createTaskApp({ tasks: [Worker], listen: false });
    const signal = AbortSignal.abort();
    const handle = await coordinator.start(Worker, {}, { signal });
    const outcome = await expectEnd({ handle, events: collect(handle.events()) }, 'cancelled');
    expect(outcome).toMatchObject({ started: false, reason: { kind: 'external' } });
    await new Promise(setImmediate);
    expect(calls).toBe(0);
    expect(listenersOf(signal)).toBe(0);
  });

  it('LK.198 cancelling a task that nobody observes raises no unhandledRejection', async () => {
    const over = deferred();
    const running = deferred();
    const Alone = handlerTask(async (task) => {
      task.defer(() => {
        over.resolve();
      });
      running.resolve();
      await task.sleep(60_000);
    });
    const { coordinator } = await createTaskApp({ tasks: [Alone], listen: false });
    const handle = await coordinator.start(Alone, {});
    // Touched and then let go is not observed either.
    void (await coordinator.start(Alone, {})).result;
    await running.promise;
    for (const { app, name, id } of (await coordinator.list()).items) {
      expect(await coordinator.cancelTask(app, name, id)).toBe(true);
    }
    await over.promise;
    // The suite fails on an unhandled rejection, see test/support/setup.ts: they are told a turn later.
    for (let n = 0; n < 3; n++) await new Promise(setImmediate);
    expect(handle.status).toBe('cancelled');
  });

  it('LK.199 1 000 times subscribed and unsubscribed leave the number of watchers as it was', async () => {
    const started = await startTask((task) => task.sleep(60_000));
    await started.running;
    const watchers = async (): Promise<number> => (await started.handle.snapshot()).watchers;
    expect(await watchers()).toBe(1);
    for (let n = 0; n < 1_000; n++) {
      const source = n % 2 === 0 ? started.handle.events() : started.coordinator.events(started.handle.ref);
      const subscription = source.subscribe();
      if (n === 0) expect(await watchers()).toBe(2);
      subscription.unsubscribe();
      subscription.unsubscribe();
    }
    expect(await watchers()).toBe(1);
    started.events.unsubscribe();
    expect(await watchers()).toBe(0);
  });
});

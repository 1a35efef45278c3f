import { afterAll, describe, expect, it } from '@jest/globals';
import { AsyncLocalStorage } from 'node:async_hooks';
import { TaskContext } from 'nestjs-streaming';
import { finalize } from 'rxjs';
import { Mortals } from '../cancellation/gc.js';
import { createTaskApp, handlerTask } from '../support/app.js';
import { PuppetTask } from '../support/watching.js';

const storage = new AsyncLocalStorage<object>();
afterAll(() => {
  storage.disable();
});

describe('the async context of a subscriber of events()', () => {
  it('is that of the subscription, not that of the task that sends', async () => {
    const task = new PuppetTask();
    const puppet = await task.start(await createTaskApp({ tasks: [task.type], listen: false }));
    puppet.count(1);
    const mine = { name: 'mine' };
    const seen: unknown[] = [];
    const note = (): void => void seen.push(storage.getStore(), TaskContext.current());
    const ended = new Promise<void>((resolve) => {
      storage.run(mine, () => {
        puppet.handle
          .events()
          .pipe(finalize(note))
          .subscribe({
            next: note,
            complete: () => {
              note();
              resolve();
            },
          });
      });
    });
    storage.run({ name: 'of the sender' }, () => puppet.count(2));
    await puppet.end();
    await ended;
    // started, three events, completed; the end; the teardown.
    expect(seen).toEqual(Array.from({ length: 7 }, () => [mine, undefined]).flat());
  });

  it('within the handler of another task TaskContext.current() is that task', async () => {
    const inner = new PuppetTask();
    const seen: unknown[] = [];
    const outer = handlerTask(async (context) => {
      const { handle } = await inner.start(taskApp, { id: 'inner' });
      const ended = new Promise<void>((resolve) => {
        handle.events().subscribe({
          next: () => seen.push(TaskContext.current()?.id),
          complete: resolve,
        });
      });
      await handle.cancel();
      await context.waitFor(ended);
    });
    const taskApp = await createTaskApp({ tasks: [inner.type, outer], listen: false });
    await (
      await taskApp.coordinator.start(outer, {}, { id: 'outer' })
    ).outcome;
    expect(seen).toEqual(['outer', 'outer']);
  });

  it('is kept by nothing once the task or the subscription is over', async () => {
    const task = new PuppetTask();
    const app = await createTaskApp({ tasks: [task.type], listen: false });
    const [first, second] = [await task.start(app), await task.start(app)];
    const callers = new Mortals();
    const subscribe = (puppet: typeof first): { unsubscribe(): void } => {
      const caller = {};
      callers.add(caller);
      return storage.run(caller, () => puppet.handle.events().subscribe());
    };
    const subscriptions = [subscribe(first), subscribe(second)];
    await first.end();
    subscriptions[1]?.unsubscribe();
    second.count(1);
    expect(await callers.left()).toBe(0);
    await second.end();
  });
});

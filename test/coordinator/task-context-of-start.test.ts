import { afterAll, describe, expect, it } from '@jest/globals';
import { AsyncLocalStorage } from 'node:async_hooks';
import { TaskContext } from 'nestjs-streaming';
import { finalize, Observable, Subject } from 'rxjs';
import { Mortals } from '../cancellation/gc.js';
import { createTaskApp, handlerTask } from '../support/app.js';
import { deferred, eventually } from '../support/wait.js';

const storage = new AsyncLocalStorage<{ readonly user: string }>();
afterAll(() => {
  storage.disable();
});

const as = <T>(user: string, body: () => T): T => storage.run({ user }, body);
const user = (): string | undefined => storage.getStore()?.user;

describe('the async context of a task', () => {
  it('is that of its start(), however it gets its place', async () => {
    const Work = handlerTask(
      async (task: TaskContext<{ ms: number }>) => {
        await task.sleep(task.input.ms);
        return [user(), TaskContext.current() === task];
      },
      { concurrency: 1 },
    );
    const { coordinator } = await createTaskApp({ tasks: [Work], listen: false });
    const start = (name: string, ms: number) => as(name, () => coordinator.start(Work, { ms }));
    const blocker = await start('alice', 60_000);
    const queued = [await start('bob', 1), await start('carol', 1)];
    const unnamed = await coordinator.start(Work, { ms: 1 });
    await as('admin', () => blocker.cancel({ grace: 0 }));
    expect(await Promise.all(queued.map(({ result }) => result))).toEqual([
      ['bob', true],
      ['carol', true],
    ]);
    expect(await unnamed.result).toEqual([null, true]);
  });

  it('is its own for each of many that are started in one turn', async () => {
    const Work = handlerTask(async (task: TaskContext) => {
      const before = [user(), TaskContext.current() === task];
      await Promise.resolve();
      return [...before, user(), TaskContext.current() === task];
    });
    const { coordinator } = await createTaskApp({ tasks: [Work], listen: false });
    const names = Array.from({ length: 50 }, (_, index) => `user-${index}`);
    const handles = await Promise.all(names.map((name) => as(name, () => coordinator.start(Work, {}))));
    const cancelled = handles.filter((_handle, index) => index % 7 === 0);
    expect(cancelled.map(({ status }) => status)).toEqual(cancelled.map(() => 'pending'));
    for (const handle of cancelled) void handle.cancel();
    const outcomes = await Promise.all(handles.map(({ outcome }) => outcome));
    expect(outcomes.map(({ started, value }) => (started ? value : 'never'))).toEqual(
      names.map((name, index) => (index % 7 === 0 ? 'never' : [name, true, name, true])),
    );
  });

  it('is the same for each try, also if a handler has entered another one', async () => {
    const seen: unknown[] = [];
    const Work = handlerTask(
      (task: TaskContext) => {
        seen.push(user());
        storage.enterWith({ user: `of try ${task.attempt}` });
        if (task.attempt < 3) throw new Error('again');
      },
      { attempts: 3 },
    );
    const { coordinator } = await createTaskApp({ tasks: [Work], listen: false });
    const handle = await as('alice', () => coordinator.start(Work, {}));
    expect((await handle.outcome).status).toBe('completed');
    expect(seen).toEqual(['alice', 'alice', 'alice']);
  });

  it('begins in a later turn for a task that another one starts', async () => {
    const seen: unknown[] = [];
    const Inner = handlerTask(() => seen.push('inner'), { name: 'Inner' });
    const Outer = handlerTask(
      async () => {
        const inner = await coordinator.start(Inner, {});
        seen.push(inner.status);
        return inner.cancel();
      },
      { name: 'Outer' },
    );
    const { coordinator } = await createTaskApp({ tasks: [Inner, Outer], listen: false });
    const handles = await Promise.all(Array.from({ length: 20 }, () => coordinator.start(Outer, {})));
    const results = await Promise.all(handles.map(({ result }) => result));
    expect(results).toEqual(results.map(() => true));
    expect(seen).toEqual(results.map(() => 'pending'));
  });

  it('is there for what a handler returns and begins to work when it is awaited', async () => {
    const answer = (resolve: (value: unknown) => void): void =>
      resolve([user(), TaskContext.current()?.attempt]);
    const Work = handlerTask((): unknown => Object.fromEntries(new Map([['then', answer]])));
    const { coordinator } = await createTaskApp({ tasks: [Work], listen: false });
    const handle = await as('alice', () => coordinator.start(Work, {}));
    expect(await handle.result).toEqual(['alice', 1]);
  });

  it('is the same in every try, and behind a wait that somebody ended', async () => {
    const seen: (string | undefined)[] = [];
    const Work = handlerTask(
      async (task: TaskContext) => {
        seen.push(user());
        if (task.attempt < 3) throw new Error('busy');
      },
      { attempts: 3, backoff: 1 },
    );
    const { coordinator } = await createTaskApp({ tasks: [Work], listen: false });
    const handle = await as('alice', () => coordinator.start(Work, {}));
    await handle.outcome;
    expect(seen).toEqual(['alice', 'alice', 'alice']);
  });

  it('holds for the listeners on the signal that a defer gets', async () => {
    const seen: unknown[] = [];
    const Work = handlerTask(
      (task: TaskContext) => {
        task.defer(
          (_outcome, signal) =>
            new Promise<void>((resolve) => {
              signal.addEventListener('abort', () => {
                seen.push(user(), TaskContext.current() === task);
                resolve();
              });
            }),
        );
      },
      { grace: 5 },
    );
    const { coordinator } = await createTaskApp({ tasks: [Work], listen: false });
    const handle = await as('alice', () => coordinator.start(Work, {}));
    await handle.outcome;
    expect(seen).toEqual(['alice', true]);
  });

  it('a task that another one starts is not run as that one', async () => {
    const Inner = handlerTask(() => [user(), TaskContext.current()?.name], { name: 'Inner' });
    const Outer = handlerTask(async () => {
      const inner = await coordinator.start(Inner, {});
      return inner.result;
    });
    const { coordinator } = await createTaskApp({ tasks: [Inner, Outer], listen: false });
    const handle = await as('alice', () => coordinator.start(Outer, {}));
    expect(await handle.result).toEqual(['alice', 'Inner']);
  });

  it('callbacks run where they were registered, whoever cancels', async () => {
    const seen: Record<string, unknown> = {};
    const note = (what: string) => () => {
      seen[what] = [user(), TaskContext.current()?.id];
    };
    const ready = deferred();
    const Victim = handlerTask(async (task: TaskContext) => {
      task.onCancel(note('onCancel'));
      task.signal.addEventListener('abort', note('signal'));
      as('inside', () => task.defer(note('defer')));
      await task.scope(async (scope) => {
        scope.onCancel(note('scope'));
        scope.signal.addEventListener('abort', note('signal of a scope'));
        ready.resolve();
        await scope.sleep(60_000);
      });
    });
    const Source = handlerTask(() => new Observable(() => note('teardown')));
    const Killer = handlerTask(async () => {
      await coordinator.cancelTask(victim.ref);
      await coordinator.cancelTask(source.ref);
    });
    const { coordinator } = await createTaskApp({ tasks: [Victim, Source, Killer], listen: false });
    const victim = await as('alice', () => coordinator.start(Victim, {}, { id: 'victim' }));
    const source = await as('bob', () => coordinator.start(Source, {}, { id: 'source' }));
    await ready.promise;
    await eventually(() => source.status === 'running');
    await (
      await as('killer', () => coordinator.start(Killer, {}))
    ).outcome;
    await Promise.all([victim.outcome, source.outcome]);
    const alice = ['alice', 'victim'];
    expect(seen).toEqual({
      onCancel: alice,
      signal: alice,
      scope: alice,
      'signal of a scope': alice,
      defer: ['inside', 'victim'],
      teardown: ['bob', 'source'],
    });
  });

  it('callbacks run where they were registered when a time limit cancels, and when the handler is abandoned', async () => {
    const seen: unknown[] = [];
    const Work = handlerTask(
      async (task: TaskContext) => {
        task.onCancel(() => void seen.push(user()));
        task.defer(() => void seen.push(user()));
        await new Promise(() => {});
      },
      { timeout: 10, grace: 10 },
    );
    const { coordinator } = await createTaskApp({ tasks: [Work], listen: false });
    const handle = await as('alice', () => coordinator.start(Work, {}));
    expect(await as('bob', () => handle.outcome)).toMatchObject({ status: 'timeout', abandoned: true });
    expect(seen).toEqual(['alice', 'alice']);
  });

  it('a source is torn down where it was subscribed to, wherever it ends', async () => {
    const seen: unknown[] = [];
    const shared = new Subject<number>();
    const Source = handlerTask(() => shared.pipe(finalize(() => seen.push(user()))));
    const { coordinator } = await createTaskApp({ tasks: [Source], listen: false });
    const handle = await as('alice', () => coordinator.start(Source, {}));
    await eventually(() => shared.observed);
    as('bob', () => {
      shared.next(1);
      shared.complete();
    });
    expect((await handle.outcome).status).toBe('completed');
    expect(seen).toEqual(['alice']);
  });

  it('is let go with the task, though the task is kept', async () => {
    const mortals = new Mortals();
    const Work = handlerTask(async (task: TaskContext<{ payload: string }>) => {
      mortals.add(task);
      mortals.add(task.input);
      void task.signal;
      await task.sleep(1);
      return 1;
    });
    const Waiting = handlerTask((task: TaskContext) => task.sleep(60_000));
    const { coordinator } = await createTaskApp({ tasks: [Work, Waiting], listen: false });
    await (async () => {
      for (let n = 0; n < 5; n++) {
        const store = { user: `user ${n}` };
        mortals.add(store);
        await storage.run(store, async () => {
          const handle = await coordinator.start(Work, { payload: 'x' });
          await coordinator.signal(handle.ref, 'unread', { n });
          await handle.outcome;
          const cancelled = await coordinator.start(Waiting, {});
          await cancelled.cancel({ wait: 'settled' });
        });
      }
    })();
    expect((await coordinator.list()).items).toHaveLength(10);
    expect(await mortals.left()).toBe(0);
  });
});

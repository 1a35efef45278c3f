import { describe, expect, it, jest } from '@jest/globals';
import { CancelledError, CancelScope, isCancellation, type TaskHandle } from 'nestjs-streaming';
import { collect, createTaskApp, handlerTask, startTask } from '../../support/app.js';
import { deferred } from '../../support/wait.js';

type Body = (scope: CancelScope) => Promise<unknown>;

const ways: [string, (scope: CancelScope, body: Body) => Promise<unknown>][] = [
  ['scope', (scope, body) => scope.scope(body)],
  ['timeout', (scope, body) => scope.timeout(60_000, body)],
  ['shield', (scope, body) => scope.shield(body)],
  ['group', (scope, body) => scope.group(body)],
  ['spawn', (scope, body) => scope.group((group) => group.spawn(body))],
  ['all', (scope, body) => scope.all([body])],
];

const depth = 5_000;

jest.setTimeout(30_000);

describe('5 000 scopes in one another', () => {
  function nest(scope: CancelScope, way: (typeof ways)[number][1], innermost: Body): Promise<unknown> {
    const enter = (level: CancelScope, left: number): Promise<unknown> =>
      left === 0 ? innermost(level) : way(level, (inner) => enter(inner, left - 1));
    return enter(scope, depth);
  }

  it.each(ways)('of %s: the innermost value comes out', async (name, way) => {
    const value = await nest(CancelScope.root(), way, async (scope) => {
      await scope.sleep(1);
      return 'deep';
    });
    let inner = value;
    if (name === 'all') for (let n = 0; n < depth; n++) [inner] = inner as unknown[];
    expect(inner).toBe('deep');
  });

  it.each(ways)('of %s: the innermost error comes out', async (_name, way) => {
    const failure = new Error('Broken');
    let error: unknown;
    try {
      await nest(CancelScope.root(), way, () => Promise.reject(failure));
    } catch (thrown) {
      error = thrown;
    }
    while (error instanceof AggregateError) [error] = error.errors as unknown[];
    expect(error).toBe(failure);
  });

  it.each(ways.filter(([name]) => name !== 'shield'))(
    'of %s: all are cancelled at once',
    async (_name, way) => {
      const root = CancelScope.root();
      const running = deferred();
      let told = 0;
      const counting: typeof way = (scope, body) =>
        way(scope, (inner) => {
          inner.onCancel(() => told++);
          return body(inner);
        });
      const nested = nest(root, counting, async (scope) => {
        const slept = scope.sleep(60_000);
        running.resolve();
        await slept;
      });
      const thrown = nested.catch((error: unknown) => error);
      await running.promise;
      expect(root.cancel('all of you')).toBe(true);
      expect(told).toBe(depth);
      const error = await thrown;
      expect(error).toBe(root.signal.reason);
      expect(isCancellation(error, root.signal)).toBe(true);
    },
  );

  it('a callback that throws in the innermost is reported', async () => {
    const started = await startTask((task) =>
      nest(
        task,
        (scope, body) => scope.scope(body),
        async (scope) => {
          scope.onCancel(() => {
            throw new Error('Callback failed');
          });
          task.cancel();
        },
      ),
    );
    expect((await started.handle.outcome).status).toBe('cancelled');
    expect(started.logs.errors.join('\n')).toContain('Callback failed');
  });
});

describe('Very many at once', () => {
  it('a group of 10 000 children is cancelled, and each is told', async () => {
    const root = CancelScope.root();
    const reasons = new Set<unknown>();
    let told = 0;
    const running = deferred();
    const thrown = root
      .group(async (group) => {
        for (let n = 0; n < 10_000; n++) {
          void group.spawn(async (child) => {
            try {
              await child.sleep(60_000);
            } catch (error) {
              told++;
              reasons.add(error);
              throw error;
            }
          });
        }
        await group.yield();
        running.resolve();
      })
      .catch((error: unknown) => error);
    await running.promise;
    root.cancel();
    expect(await thrown).toBe(root.signal.reason);
    expect(told).toBe(10_000);
    // One error for all of them.
    expect(reasons.size).toBe(1);
  });

  it('one of 10 000 that fails cancels the rest; 10 000 that fail are all told', async () => {
    const root = CancelScope.root();
    let cancelled = 0;
    const one = root.group(async (group) => {
      for (let n = 0; n < 10_000; n++) {
        void group.spawn(async (child) => {
          await child.sleep(n === 5_000 ? 1 : 60_000).catch((error: unknown) => {
            cancelled++;
            throw error;
          });
          throw new Error(`Broken ${n}`);
        });
      }
    });
    await expect(one).rejects.toMatchObject({ errors: [{ message: 'Broken 5000' }] });
    expect(cancelled).toBe(9_999);

    const all = root.group(async (group) => {
      for (let n = 0; n < 10_000; n++) {
        void group.spawn(async () => {
          throw new Error(`Broken ${n}`);
        });
      }
    });
    const error: unknown = await all.catch((thrown: unknown) => thrown);
    expect((error as AggregateError).errors.map(({ message }: Error) => message)).toEqual(
      Array.from({ length: 10_000 }, (_, n) => `Broken ${n}`),
    );
  });

  it('a scope and a task that leave 150 000 open scopes behind end all the same', async () => {
    const go = deferred();
    const left: Promise<unknown>[] = [];
    const started = await startTask(async (task) => {
      await task.scope(async (outer) => {
        for (let n = 0; n < 150_000; n++) left.push(outer.scope(() => go.promise));
      });
      return left.length;
    });
    expect(await started.handle.outcome).toMatchObject({ status: 'completed', value: 150_000 });
    go.resolve();
    await Promise.all(left);
  });

  it('10 000 waiting tasks are cancelled at once, and the watchers of each are told', async () => {
    const running = deferred();
    let calls = 0;
    const Slow = handlerTask(
      async (task) => {
        calls++;
        running.resolve();
        await task.sleep(60_000);
      },
      { concurrency: 1, maxPending: 10_000 },
    );
    const { coordinator } = await createTaskApp({
      tasks: [Slow],
      listen: false,
      options: { replay: { tasks: 20_000 } },
    });
    const first = await coordinator.start(Slow, {}, { id: 'first' });
    await running.promise;
    const handles: TaskHandle[] = [];
    for (let n = 0; n < 10_000; n++) handles.push(await coordinator.start(Slow, {}));
    const watching = handles.map((handle) => collect(handle.events()));
    const accepted = await Promise.all(handles.map((handle) => handle.cancel({ detail: 'all of you' })));
    expect(accepted.every(Boolean)).toBe(true);
    const outcomes = await Promise.all(handles.map((handle) => handle.outcome));
    expect(new Set(outcomes.map(({ status, started }) => `${status} ${started}`))).toEqual(
      new Set(['cancelled false']),
    );
    expect(outcomes.every(({ error }) => error instanceof CancelledError)).toBe(true);
    await Promise.all(watching.map(({ done }) => done));
    expect(new Set(watching.map(({ types }) => types.join()))).toEqual(new Set(['cancelled']));
    expect(first.status).toBe('running');
    // The place goes on to whoever comes now.
    const next = await coordinator.start(Slow, {}, { id: 'next' });
    await first.cancel();
    await collect(next.events()).until('started');
    expect(calls).toBe(2);
  });

  it('10 000 waiting tasks are cancelled by a shutdown', async () => {
    const Slow = handlerTask((task) => task.sleep(60_000), { concurrency: 1 });
    const { coordinator } = await createTaskApp({
      tasks: [Slow],
      listen: false,
      options: { replay: { tasks: 20_000 } },
    });
    const handles: TaskHandle[] = [];
    for (let n = 0; n < 10_000; n++) handles.push(await coordinator.start(Slow, {}));
    const report = await coordinator.shutdown();
    expect(report).toMatchObject({ cancelled: 10_000, completed: 0, failed: 0, abandoned: [] });
    const outcomes = await Promise.all(handles.map((handle) => handle.outcome));
    expect(new Set(outcomes.map(({ reason }) => reason?.kind))).toEqual(new Set(['shutdown']));
  });
});

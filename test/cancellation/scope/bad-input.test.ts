import { describe, expect, it } from '@jest/globals';
import { CancelledError, CancelScope, ScopeEndedError, type TaskGroup } from 'nestjs-streaming';
import { startTask } from '../../support/app.js';
import { TaskEndedError } from '../../../lib/task/errors.js';

/** Something of the wrong type, as it comes from JavaScript. */
const wrong = <T>(value: unknown): T => value as T;

/** What a call throws or rejects with. */
async function failureOf(call: () => unknown): Promise<unknown> {
  try {
    await call();
  } catch (error) {
    return error;
  }
  throw new Error('It did not fail');
}

const noFunctions = [undefined, null, 5, 'body', {}, Promise.resolve()];
const noNumbers = [NaN, undefined, '5', true, new Date(0)];

type Body = () => Promise<never>;
const notEntered: Body = () => Promise.reject(new Error('The body was entered'));

describe('Bad input', () => {
  const root = CancelScope.root();
  const calls: [string, (body: Body) => unknown][] = [
    ['timeout', (body) => root.timeout(5, body)],
    ['scope', (body) => root.scope(body)],
    ['group', (body) => root.group(body)],
    ['shield', (body) => root.shield(body)],
    ['all', (body) => root.all([body])],
    ['spawn', (body) => root.group(async (group) => group.spawn(body))],
  ];

  it.each(calls)(
    'a body of %s() that is no function is a TypeError that names the call',
    async (name, call) => {
      for (const body of noFunctions) {
        let error = await failureOf(() => call(wrong(body)));
        // `spawn` throws in the group's body: that is the group's failure.
        if (error instanceof AggregateError) [error] = error.errors as unknown[];
        expect(error).toBeInstanceOf(TypeError);
        expect((error as TypeError).message).toBe(`${name}(): expected a function, got ${typeof body}`);
      }
    },
  );

  it('spawn throws it at once, and all begins none when one is wrong', async () => {
    await root.group(async (group) => {
      expect(() => group.spawn(wrong<Body>(undefined))).toThrow(TypeError);
    });
    const error = await failureOf(() => root.all([notEntered, wrong<Body>(5)]));
    expect((error as Error).message).toBe('all(): expected a function, got number');
  });

  it.each(noNumbers)('timeout(%p) rejects with a RangeError, and its body is not entered', async (ms) => {
    const error = await failureOf(() => root.timeout(wrong(ms), notEntered));
    expect(error).toBeInstanceOf(RangeError);
    expect((error as Error).message).toBe(
      `timeout(): expected a number of milliseconds or null, got ${String(ms)}`,
    );
  });

  it.each([NaN, '5'])('shield with a timeout of %p likewise', async (timeout) => {
    const error = await failureOf(() => root.shield(notEntered, { timeout: wrong(timeout) }));
    expect(error).toBeInstanceOf(RangeError);
    expect((error as Error).message).toMatch(/^shield\(\): expected .* got /);
  });

  it.each(noNumbers)('sleep(%p) rejects with a RangeError', async (ms) => {
    const error = await failureOf(() => root.sleep(wrong(ms)));
    expect(error).toBeInstanceOf(RangeError);
    expect((error as Error).message).toBe(`sleep(): expected a number of milliseconds, got ${String(ms)}`);
  });

  it('a negative sleep is none', async () => {
    await root.sleep(-1);
    await root.sleep(-Infinity);
  });

  it.each(noNumbers)('reschedule(%p) throws a RangeError, and the deadline stays', async (ms) => {
    await root.timeout(60_000, async (scope) => {
      const { deadline } = scope;
      expect(() => scope.reschedule(wrong(ms))).toThrow(/^reschedule\(\): expected .* got /);
      expect(() => scope.reschedule(wrong(ms))).toThrow(RangeError);
      expect(scope.deadline).toBe(deadline);
    });
  });

  it('that of a task too', async () => {
    const started = await startTask(
      async (task) => {
        const { deadline } = task;
        for (const ms of noNumbers) {
          expect(() => task.reschedule(wrong(ms))).toThrow(/^reschedule\(\): expected .* got /);
        }
        return deadline !== null && task.deadline === deadline;
      },
      { task: { timeout: 60_000 } },
    );
    expect(await started.handle.result).toBe(true);
    expect(await started.handle.outcome).toMatchObject({ status: 'completed' });
  });

  it('a callback of onCancel that is no function is a TypeError', () => {
    for (const callback of noFunctions) {
      expect(() => root.onCancel(wrong(callback))).toThrow(
        `onCancel(): expected a function, got ${typeof callback}`,
      );
    }
  });

  it('a body that throws before it returns a promise, or returns none, is like any other', async () => {
    const failure = new Error('Broken');
    const throwing = (): never => {
      throw failure;
    };
    expect(await failureOf(() => root.scope(throwing))).toBe(failure);
    expect(await failureOf(() => root.timeout(5, throwing))).toBe(failure);
    expect(await failureOf(() => root.shield(throwing))).toBe(failure);
    expect(await failureOf(() => root.all([throwing]))).toBe(failure);
    expect(await root.scope(wrong<() => Promise<number>>(() => 5))).toBe(5);
    expect(await root.all([wrong<() => Promise<number>>(() => 5)])).toEqual([5]);
  });
});

describe('Too late', () => {
  const body = async (): Promise<void> => undefined;

  async function ended(): Promise<TaskGroup> {
    const groups: TaskGroup[] = [];
    await CancelScope.root().group(async (group) => void groups.push(group));
    return groups[0]!;
  }

  it('spawn on a group that has ended throws a ScopeEndedError that names the child', async () => {
    const group = await ended();
    expect(() => group.spawn(body)).toThrow(ScopeEndedError);
    expect(() => group.spawn(body)).toThrow('spawn() on a group that has ended');
    expect(() => group.spawn(body, { name: 'fetch' })).toThrow('spawn() on a group that has ended ("fetch")');
    expect(await failureOf(() => group.spawn(body))).toMatchObject({ code: 'SCOPE_ENDED' });
  });

  it('reschedule on a scope that has ended likewise, and cancel is false', async () => {
    const group = await ended();
    expect(() => group.reschedule(5)).toThrow(ScopeEndedError);
    expect(() => group.reschedule(null)).toThrow('reschedule() on a scope that has ended');
    expect([group.cancel(), group.cancelled, group.expired, group.deadline]).toEqual([
      false,
      false,
      false,
      null,
    ]);
  });

  it('spawn on a group that is ending throws its cancellation', async () => {
    await CancelScope.root().group(async (group) => {
      group.cancel('enough');
      const error = await failureOf(() => group.spawn(body));
      expect(error).toBeInstanceOf(CancelledError);
      expect(error).toBe(group.signal.reason);
    });
  });

  it('reschedule and defer after the end of a task throw a TaskEndedError that names the task', async () => {
    const contexts: Parameters<Parameters<typeof startTask>[0]>[0][] = [];
    const started = await startTask(async (task) => void contexts.push(task));
    await started.handle.outcome;
    const task = contexts[0]!;
    for (const call of [() => task.reschedule(5), () => task.defer(() => undefined)]) {
      expect(call).toThrow(TaskEndedError);
      expect(call).toThrow(task.key);
    }
    expect([task.cancel(), task.uncancel(), task.cancelling]).toEqual([false, 0, 0]);
  });
});

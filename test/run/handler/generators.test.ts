import { describe, expect, it } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import { isCancellation, type StreamTaskOptions, type TaskContext } from 'nestjs-streaming';
import { startTask } from '../../support/app.js';
import { deferred, eventually } from '../../support/wait.js';

/** Starts a generator, cancels it so many times while it runs, and gives its trace. */
async function cancelled(
  handler: (task: TaskContext, did: (what: string) => void) => unknown,
  options: StreamTaskOptions & { cancels?: number; until?: string } = {},
) {
  const { cancels = 1, until = 'progress', ...task } = options;
  const trace: string[] = [];
  const started = await startTask((context) => handler(context, (what) => void trace.push(what)), { task });
  await started.events.until(until);
  for (let n = 0; n < cancels; n++) {
    const before = trace.length;
    await started.handle.cancel();
    if (n < cancels - 1) await eventually(() => trace.length > before);
  }
  const outcome = await started.handle.outcome;
  return { outcome, trace, started, sent: started.events.events.map(({ data }) => data) };
}

describe('a generator that is cancelled', () => {
  it('is told once: what its cleanup yields is sent, and the cleanup goes on', async () => {
    const { outcome, trace, sent } = await cancelled(async function* (_task, did) {
      try {
        for (let n = 0; ; n++) {
          yield n;
          await delay(1);
        }
      } finally {
        did('begun');
        yield { message: 'rolling back' };
        did('half way');
        yield { message: 'rolled back' };
        did('done');
      }
    });
    expect(outcome).toMatchObject({ status: 'cancelled', swallowed: false });
    expect(trace).toEqual(['begun', 'half way', 'done']);
    expect(sent).toEqual(expect.arrayContaining([{ message: 'rolling back' }, { message: 'rolled back' }]));
  });

  it('is not told again at a yield when a checkpoint has told it', async () => {
    const { outcome, trace } = await cancelled(
      async function* (task, did) {
        yield 1;
        try {
          void task.sendEvent('inside');
          await task.sleep(60_000);
        } finally {
          did('first');
          yield 2;
          did('second');
        }
      },
      { until: 'inside' },
    );
    expect(outcome.status).toBe('cancelled');
    expect(trace).toEqual(['first', 'second']);
  });

  it('is told at a yield when only something beside it waited at a checkpoint', async () => {
    const { outcome, trace } = await cancelled(async function* (task, did) {
      task.waitForSignal('skip').then(
        () => did('skip'),
        () => did('no skip'),
      );
      try {
        for (;;) {
          yield 1;
          await delay(1);
        }
      } finally {
        did('told');
      }
    });
    expect(outcome).toMatchObject({ status: 'cancelled', abandoned: false });
    expect(trace.toSorted()).toEqual(['no skip', 'told']);
  });

  it('is told again of a request that comes after uncancel()', async () => {
    const { outcome, trace } = await cancelled(
      async function* (task, did) {
        try {
          for (;;) {
            yield 1;
            await delay(1);
          }
        } catch (error) {
          expect(isCancellation(error, task.signal)).toBe(true);
          task.uncancel();
          did('first');
        }
        try {
          for (;;) {
            yield 2;
            await delay(1);
          }
        } finally {
          did('second');
        }
      },
      { cancels: 2 },
    );
    expect(outcome.status).toBe('cancelled');
    expect(trace).toEqual(['first', 'second']);
  });

  it('goes on to its end, unseen, when it was abandoned', async () => {
    const over = deferred();
    const { outcome, trace, started } = await cancelled(
      async function* (task, did) {
        yield 1;
        try {
          void task.sendEvent('inside');
          await over.promise;
          yield 2;
          did('not here');
        } finally {
          did('begun');
          yield 3;
          did('done');
        }
      },
      { grace: 10, until: 'inside' },
    );
    expect(outcome).toMatchObject({ status: 'cancelled', abandoned: true });
    over.resolve();
    await eventually(() => trace.length === 2);
    expect(trace).toEqual(['begun', 'done']);
    expect(started.events.types).toEqual(['started', 'progress', 'inside', 'cancelled']);
  });

  it('is told at a yield of a promise that never settles, when it is no async one', async () => {
    const { outcome, trace } = await cancelled(
      function* (task, did) {
        try {
          void task.sendEvent('waiting');
          yield new Promise(() => {});
        } finally {
          did('told');
          yield Promise.resolve({ message: 'cleaned up' });
          did('done');
        }
      },
      { until: 'waiting' },
    );
    expect(outcome).toMatchObject({ status: 'cancelled', abandoned: false });
    expect(trace).toEqual(['told', 'done']);
  });

  it.each<[string, (task: TaskContext) => (error: unknown) => unknown, object]>([
    [
      'rejects',
      () => async (error) => {
        throw error;
      },
      { status: 'cancelled' },
    ],
    [
      'fails otherwise',
      () => () => Promise.reject(new Error('No throw')),
      { status: 'failed', error: { message: 'No throw' } },
    ],
    ['ends it', () => async () => ({ done: true, value: 'kept' }), { status: 'cancelled', swallowed: true }],
    [
      'throws at once',
      () => (error) => {
        throw error as Error;
      },
      { status: 'cancelled' },
    ],
  ])('made by hand, whose next() never settles, ends when its throw() %s', async (_what, make, expected) => {
    let calls = 0;
    const { outcome } = await cancelled((task) => ({
      [Symbol.asyncIterator]() {
        return this;
      },
      next: () => (calls++ === 0 ? Promise.resolve({ done: false, value: 1 }) : new Promise(() => {})),
      throw: make(task),
    }));
    expect(outcome).toMatchObject({ abandoned: false, ...expected });
  });

  it('made by hand ends when next() and throw() both reject, in either order', async () => {
    for (const [nextAfter, throwAfter] of [
      [0, 5],
      [5, 0],
    ] as const) {
      let calls = 0;
      const { outcome } = await cancelled((task) => ({
        [Symbol.asyncIterator]() {
          return this;
        },
        next: async () => {
          if (calls++ === 0) return { done: false, value: 1 };
          await task.sleep(60_000).catch(() => delay(nextAfter));
          throw task.signal.reason;
        },
        throw: async (error: unknown) => {
          await delay(throwAfter);
          throw error;
        },
      }));
      expect(outcome).toMatchObject({ status: 'cancelled', abandoned: false });
    }
  });

  it('may be a function* without async, and may yield promises', async () => {
    const { outcome, trace } = await cancelled(function* (_task, did) {
      try {
        for (let n = 0; ; n++) yield Promise.resolve(n);
      } finally {
        did('closed');
      }
    });
    expect(outcome.status).toBe('cancelled');
    expect(trace).toEqual(['closed']);
    const whole = await startTask(function* () {
      yield 10;
      try {
        yield Promise.reject(new Error('one failed'));
      } catch (error) {
        return (error as Error).message;
      }
      return 'not here';
    });
    expect(await whole.handle.result).toBe('one failed');
  });

  const ticks = (): ReadableStream<number> =>
    new ReadableStream({
      async pull(controller) {
        await delay(1);
        controller.enqueue(1);
      },
    });
  it.each<[string, () => AsyncIterable<number>]>([
    ['a web stream', ticks],
    [
      'an iterator without throw()',
      () => ({
        [Symbol.asyncIterator]: () => ({
          next: async () => {
            await delay(1);
            return { done: false, value: 1 };
          },
          return: async () => ({ done: true, value: undefined }),
        }),
      }),
    ],
  ])('ends cancelled in a yield* over %s', async (_what, source) => {
    const { outcome, trace } = await cancelled(async function* (_task, did) {
      try {
        yield* source();
      } finally {
        did('begun');
        yield 2;
        did('done');
      }
    });
    expect(outcome).toMatchObject({ status: 'cancelled', swallowed: false });
    expect(trace).toEqual(['begun', 'done']);
  });
});

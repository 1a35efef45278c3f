import { describe, expect, it, jest } from '@jest/globals';
import {
  type CancelScope,
  runScope,
  ScopeTimeoutError,
  type TaskContext,
  UnrecoverableError,
} from 'nestjs-streaming';
import { startTask } from '../../support/app.js';
import { deferred } from '../../support/wait.js';

const inScope = <T>(body: (scope: CancelScope) => Promise<T>): Promise<T> => runScope(body) as Promise<T>;

function raise(thrown: unknown): never {
  throw thrown as Error;
}

function suppressed(error: unknown): Error {
  return Object.assign(new Error('Two at once'), {
    name: 'SuppressedError',
    error,
    suppressed: new Error('first'),
  });
}

describe('scope.retry()', () => {
  it('tries the body again until it returns, in the same scope', async () => {
    const seen: unknown[] = [];
    const value = await inScope(async (scope) =>
      scope.retry({ attempts: 3, backoff: 0 }, async (inner, attempt) => {
        seen.push([inner === scope, attempt]);
        if (attempt < 3) throw new Error(`Try ${attempt}`);
        return 'done';
      }),
    );
    expect(value).toBe('done');
    expect(seen).toEqual([
      [true, 1],
      [true, 2],
      [true, 3],
    ]);
  });

  it('throws the last error, with those before as its errors', async () => {
    const error: unknown = await inScope((scope) =>
      scope.retry({ attempts: 3, backoff: 0 }, async (_scope, attempt) => {
        throw new Error(`Try ${attempt}`);
      }),
    ).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ message: 'Try 3', errors: [{ message: 'Try 1' }, { message: 'Try 2' }] });
    const alone: unknown = await inScope((scope) =>
      scope.retry({ attempts: 1 }, () => Promise.reject(new Error('Once'))),
    ).catch((thrown: unknown) => thrown);
    expect(alone).not.toHaveProperty('errors');
  });

  it('gives an error that ends two of them the errors of each', async () => {
    const last = new Error('last');
    const end = (attempts: number, name: string): Promise<unknown> =>
      inScope((scope) =>
        scope.retry({ attempts, backoff: 0 }, async (_scope, attempt) =>
          raise(attempt < attempts ? new Error(`${name} ${attempt}`) : last),
        ),
      ).catch((thrown: unknown) => thrown);
    expect(await end(2, 'one')).toMatchObject({ errors: [{ message: 'one 1' }] });
    expect(await end(3, 'two')).toMatchObject({ errors: [{ message: 'two 1' }, { message: 'two 2' }] });
    expect(await end(1, 'three')).not.toHaveProperty('errors');
    const group = new AggregateError([new Error('its own')]);
    await inScope((scope) =>
      scope.retry({ attempts: 2, backoff: 0 }, async (_scope, attempt) =>
        raise(attempt < 2 ? new Error('first') : group),
      ),
    ).catch(() => {});
    expect(group).toMatchObject({ errors: [{ message: 'its own' }] });
  });

  it.each([
    ['a frozen error', Object.freeze(new Error('frozen'))],
    ['a string', 'text'],
    ['undefined', undefined],
  ])('throws %s as it is', async (_what, thrown) => {
    const outcome = await inScope((scope) =>
      scope.retry({ attempts: 2, backoff: 0 }, async () => raise(thrown)),
    ).then(
      () => 'returned',
      (error: unknown) => [error],
    );
    expect(outcome).toEqual([thrown]);
  });

  it('gives each try its own time', async () => {
    const tries: number[] = [];
    const error: unknown = await inScope((scope) =>
      scope.retry({ attempts: 2, backoff: 0, timeout: 5 }, async (inner, attempt) => {
        tries.push(attempt);
        await inner.sleep(60_000);
      }),
    ).catch((thrown: unknown) => thrown);
    expect(tries).toEqual([1, 2]);
    expect(error).toBeInstanceOf(ScopeTimeoutError);
    expect(error).toMatchObject({ errors: [expect.any(ScopeTimeoutError)] });
  });

  it.each([
    ['when() says no', new Error('no'), () => false],
    ['when() says no, later', new Error('no'), async () => false],
    ['it is an UnrecoverableError', new UnrecoverableError('gone'), undefined],
    ['it has retryable: false', Object.assign(new Error('gone'), { retryable: false }), undefined],
    [
      'a group holds one that is unrecoverable',
      new AggregateError([new UnrecoverableError('gone')]),
      undefined,
    ],
  ])('does not try again when %s', async (_what, failure, when) => {
    const body = jest.fn(() => Promise.reject(failure));
    const error: unknown = await inScope((scope) =>
      scope.retry({ attempts: 5, backoff: 0, ...(when && { when }) }, body),
    ).catch((thrown: unknown) => thrown);
    expect(error).toBe(failure);
    expect(body).toHaveBeenCalledTimes(1);
  });

  it('never tries again after a cancellation, and a cancel ends the wait', async () => {
    const waiting = deferred();
    const body = jest.fn(() => Promise.reject(new Error('Busy')));
    const backoff = (): number => {
      waiting.resolve();
      return 60_000;
    };
    const { handle } = await startTask((task) => task.retry({ attempts: Infinity, backoff }, body));
    await waiting.promise;
    await handle.cancel();
    expect(await handle.outcome).toMatchObject({ status: 'cancelled', swallowed: false });
    expect(body).toHaveBeenCalledTimes(1);
  });

  it('a backoff that gives no delay counts as a second, with one warning', async () => {
    const started = await startTask(
      (task) =>
        task.retry({ attempts: Infinity, backoff: () => NaN }, () => Promise.reject(new Error('Busy'))),
      { task: { timeout: 50 } },
    );
    expect((await started.handle.outcome).status).toBe('timeout');
    expect(started.logs.warnings.filter((text) => text.includes('backoff'))).toEqual([
      expect.stringContaining('gave NaN instead of milliseconds; it waits 1000 ms instead'),
    ]);
  });

  it.each<[string, object]>([
    ['attempts', { attempts: 0 }],
    ['attempts', { attempts: 1.5 }],
    ['backoff', { attempts: 2, backoff: -1 }],
    ['timeout', { attempts: 2, timeout: NaN }],
    ['when', { attempts: 2, when: true }],
  ])('refuses a wrong %s, and does not enter the body', async (name, options) => {
    const body = jest.fn(async () => 1);
    await expect(inScope((scope) => scope.retry(options as { attempts: number }, body))).rejects.toThrow(
      `retry(): expected "${name}" to be `,
    );
    expect(body).not.toHaveBeenCalled();
  });
});

describe('attempts of a task', () => {
  it.each([
    ['an UnrecoverableError', new UnrecoverableError('No such file')],
    ['an error with retryable: false', Object.assign(new Error('No such file'), { retryable: false })],
  ])('%s is not tried again, and watchers do not see its message', async (_what, failure) => {
    const { handle, events } = await startTask(() => Promise.reject(failure), {
      task: { attempts: 3, backoff: 0 },
    });
    expect(await handle.outcome).toMatchObject({ status: 'failed', error: failure });
    expect((await events.done).map(({ type }) => type)).toEqual(['started', 'failed']);
    expect(events.events.at(-1)?.data).toEqual({ message: 'Internal error', errorType: 'Error' });
  });

  it.each<[string, (task: TaskContext) => unknown]>([
    ['in a group', (task) => task.group(() => Promise.reject(new UnrecoverableError('x')))],
    [
      'in a group inside a group',
      (task) => task.group((group) => group.group(() => Promise.reject(new UnrecoverableError('x')))),
    ],
    [
      'in a group that retry() tries',
      (task) =>
        task.retry({ attempts: 3, backoff: 0 }, (scope) =>
          scope.group((group) => group.group(() => Promise.reject(new UnrecoverableError('x')))),
        ),
    ],
    ['as a half of a SuppressedError', () => raise(suppressed(new UnrecoverableError('x')))],
    ['as an object that is no Error', () => raise({ code: 1, retryable: false })],
    ['as a function', () => raise(Object.assign(() => 1, { retryable: false }))],
  ])('a failure that says it cannot be mended is not tried again: %s', async (_what, fail) => {
    let calls = 0;
    const { handle } = await startTask(
      async (task) => {
        calls++;
        await fail(task);
      },
      { task: { attempts: 3, backoff: 0 } },
    );
    expect((await handle.outcome).status).toBe('failed');
    expect(calls).toBe(1);
  });

  it.each<[string, () => unknown]>([
    ['-1', () => -1],
    ['NaN', () => NaN],
    ['Infinity', () => Infinity],
    ['null', () => null],
    ['a promise', () => Promise.reject(new Error('later'))],
    [
      'threw',
      () => {
        throw new Error('no table');
      },
    ],
  ])('a backoff that gives %s counts as a second, with one warning', async (what, backoff) => {
    const { handle, logs, events } = await startTask(() => Promise.reject(new Error('Busy')), {
      task: { attempts: Infinity, backoff: backoff as () => number, timeout: 30 },
    });
    expect((await handle.outcome).status).toBe('timeout');
    expect(events.events.find(({ type }) => type === 'retrying')?.data).toMatchObject({ delay: 1_000 });
    const warnings = logs.warnings.filter((text) => text.includes('The backoff'));
    expect(warnings).toEqual([expect.stringContaining(what)]);
  });
});

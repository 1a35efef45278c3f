import { describe, expect, it } from '@jest/globals';
import { isCancellation, type StreamingModuleOptions } from 'nestjs-streaming';
import { startTask } from '../support/app.js';

class QueryKilled extends Error {
  override readonly name = 'QueryKilled';
}

type Rule = NonNullable<StreamingModuleOptions['isCancellation']>;

/** A task that fails with an error of its database as soon as it is cancelled. */
async function cancelledWith(rule: Rule, failure: unknown = new QueryKilled('killed')) {
  const started = await startTask(
    async (task) => {
      await task.sleep(60_000).catch(() => {});
      throw failure;
    },
    { options: { isCancellation: rule } },
  );
  await started.running;
  await started.handle.cancel();
  return { outcome: await started.handle.outcome, logs: started.logs };
}

describe('the option isCancellation', () => {
  it('makes an error that it recognizes a cancellation, also inside of another error', async () => {
    const rule: Rule = (error, signal) => signal.aborted && error instanceof QueryKilled;
    expect((await cancelledWith(rule)).outcome).toMatchObject({ status: 'cancelled', swallowed: false });
    const group = new AggregateError([new QueryKilled('one'), new QueryKilled('two')]);
    expect((await cancelledWith(rule, group)).outcome.status).toBe('cancelled');
    expect((await cancelledWith(rule, new Error('real'))).outcome.status).toBe('failed');
  });

  it('holds in the scopes of a task, and for isCancellation() with one of its signals', async () => {
    const { handle } = await startTask(
      async (task) => {
        const error: unknown = await task
          .timeout(1, async (scope) => {
            await scope.sleep(60_000).catch(() => {});
            expect(isCancellation(new QueryKilled('killed'), scope.signal)).toBe(true);
            throw new QueryKilled('killed');
          })
          .catch((thrown: unknown) => thrown);
        return [(error as Error).name, isCancellation(new QueryKilled('killed'), task.signal)];
      },
      { options: { isCancellation: (error) => error instanceof QueryKilled } },
    );
    expect(await handle.result).toEqual(['ScopeTimeoutError', false]);
  });

  it('is not asked where no signal is aborted', async () => {
    let asked = 0;
    const { handle } = await startTask(() => Promise.reject(new QueryKilled('killed')), {
      options: { isCancellation: () => ++asked > 0 },
    });
    expect((await handle.outcome).status).toBe('failed');
    expect(asked).toBe(0);
  });

  it('one that throws recognizes nothing, and is logged', async () => {
    const { outcome, logs } = await cancelledWith(() => {
      throw new Error('no table');
    });
    expect(outcome.status).toBe('failed');
    expect(logs.errors.some((text) => text.includes('isCancellation') && text.includes('no table'))).toBe(
      true,
    );
  });

  it('one that gives a promise recognizes nothing, and a warning says so', async () => {
    const rule = (() => Promise.reject(new Error('later'))) as unknown as Rule;
    const { outcome, logs } = await cancelledWith(rule);
    expect(outcome.status).toBe('failed');
    expect(logs.warnings).toEqual(expect.arrayContaining([expect.stringContaining('gave a promise')]));
  });
});

import { describe, expect, it } from '@jest/globals';
import { BadRequestException } from '@nestjs/common';
import { describeError, describeErrorInLine, oneLine } from '../../lib/coordinator/run/describe-error.js';
import { startTask } from '../support/app.js';

describe('a log line about an error', () => {
  it('has its stack, its causes and the errors it holds, each message on one line', () => {
    const root = new TypeError('no\nsuch\u001b[2J host');
    const group = new AggregateError([new Error('first'), new Error('second', { cause: root })], 'a group');
    const lines = describeError(new Error('outer', { cause: group })).split('\n');
    const heads = lines.filter((line) => !/^\s+at /.test(line));
    expect(heads).toEqual([
      'Error: outer',
      'caused by AggregateError: a group',
      '  [1 of 2] Error: first',
      '  [2 of 2] Error: second',
      '  caused by TypeError: no\\nsuch\\u001b[2J host',
    ]);
    expect(lines.filter((line) => /^\s+at .*log-lines/.test(line)).length).toBeGreaterThanOrEqual(5);
    expect(describeErrorInLine(root)).not.toMatch(/\p{Cc}/u);
  });

  it.each<[string, unknown]>([
    ['a string', 'text'],
    ['nothing', undefined],
    [
      'a proxy that refuses',
      new Proxy(
        {},
        {
          get: () => {
            throw new Error('no');
          },
        },
      ),
    ],
    ['errors that are revoked', Object.assign(new Error('x'), { errors: revoked() })],
  ])('tells of %s', (_what, thrown) => {
    expect(typeof describeError(thrown)).toBe('string');
  });

  it('ends, whatever causes an error gives', () => {
    class Remote extends Error {
      override get cause(): unknown {
        return new Remote('again');
      }
    }
    expect(describeErrorInLine(new Remote('first')).match(/Error: again/g)?.length).toBeLessThan(100);
    const self = new Error('self');
    self.cause = self;
    expect(describeError(self)).toContain('caused by Error: self');
  });

  it('is cut where it is endless', () => {
    expect(oneLine('x'.repeat(1_000_000)).length).toBeLessThan(5_000);
  });

  it('a task that fails: whole as an error, in one line where watchers may see it', async () => {
    const hidden = await startTask(() => {
      throw new Error('query\nfailed', { cause: new Error('connection refused') });
    });
    await hidden.handle.outcome;
    expect(hidden.logs.errors).toEqual([expect.stringContaining('caused by Error: connection refused')]);
    expect(hidden.logs.errors[0]).toContain('Error: query\\nfailed');
    const shown = await startTask(() => {
      throw new BadRequestException('No file x\n[Nest] forged\u001b[2J', { cause: new Error('ENOENT') });
    });
    await shown.handle.outcome;
    expect(shown.logs.warnings).toEqual([
      expect.stringMatching(/No file x\\n\[Nest\] forged.*caused by Error: ENOENT/),
    ]);
  });

  it('a task that is tried again: likewise', async () => {
    const { handle, logs } = await startTask(
      (task) => {
        if (task.attempt === 1) throw new Error('line 1\nline 2', { cause: new Error('deep') });
      },
      { task: { attempts: 2, backoff: 0 } },
    );
    await handle.outcome;
    expect(logs.warnings).toEqual([expect.stringMatching(/line 1\\nline 2.*caused by Error: deep/)]);
  });
});

describe('the failure that watchers are told of', () => {
  it('is the first of a group whose errors may all be shown', async () => {
    const { handle, events } = await startTask((task) =>
      task.group(async (group) => {
        void group.spawn(() => Promise.reject(new BadRequestException('No such month')));
      }),
    );
    await handle.outcome;
    expect((await events.done).at(-1)?.data).toEqual({
      message: 'No such month',
      errorType: 'BadRequestException',
    });
  });

  it('is hidden when one error of the group is', async () => {
    const { handle, events } = await startTask(() => {
      throw new AggregateError([new BadRequestException('No such month'), new Error('password')]);
    });
    await handle.outcome;
    expect((await events.done).at(-1)?.data).toEqual({ message: 'Internal error', errorType: 'Error' });
  });
});

function revoked(): unknown {
  const { proxy, revoke } = Proxy.revocable([], {});
  revoke();
  return proxy;
}

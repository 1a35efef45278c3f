import { describe, expect, it } from '@jest/globals';
import { BadRequestException } from '@nestjs/common';
import { describeError, describeErrorInLine, oneLine } from '../../lib/run/describe-error.js';
import { startTask } from '../support/app.js';

const longStack = `Error: x\n${'    at x (y.js:1:1)\n'.repeat(200_000)}`;

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
    ['errors whose methods are others', Object.assign(new Error('x'), { errors: liar() })],
    ['a stack of very many lines', Object.assign(new Error('x'), { stack: longStack })],
    ['errors that are revoked', Object.assign(new Error('x'), { errors: revoked() })],
  ])('tells of %s', (_what, thrown) => {
    expect(typeof describeError(thrown)).toBe('string');
    expect(describeError(thrown).length).toBeLessThan(10_000);
  });

  it('has the frames of an error whose message was changed after its stack was made', () => {
    const error = new Error('x');
    expect(error.stack).toContain('x');
    error.message = `while importing ${'y'.repeat(1_000)}: x`;
    expect(describeError(error)).toMatch(/^\s+at .*log-lines/m);
  });

  it('has both halves of a SuppressedError', () => {
    const halves = { name: 'SuppressedError', error: new Error('closing'), suppressed: new Error('work') };
    const text = describeError(Object.assign(new Error('Two at once'), halves));
    expect(text).toContain('[error] Error: closing');
    expect(text).toContain('[suppressed] Error: work');
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
  it.each<[string, () => unknown]>([
    ['cannot be read', () => Object.defineProperty(new AggregateError([]), 'errors', { get: raise })],
    ['are missing', () => Object.assign(new AggregateError([]), { errors: undefined })],
    ['are revoked', () => Object.assign(new AggregateError([]), { errors: revoked() })],
    ['say what is not true', () => Object.assign(new AggregateError([]), { errors: liar() })],
  ])('comes when the errors of a group %s', async (_what, make) => {
    const task = { attempts: 2, backoff: 0 };
    const { handle, events } = await startTask(() => Promise.reject(make() as Error), { task });
    expect(await handle.outcome).toMatchObject({ status: 'failed', abandoned: false });
    expect((await events.done).at(-1)?.data).toEqual({ message: 'Internal error', errorType: 'Error' });
  });

  it('is not cut inside a character', async () => {
    const text = `${'a'.repeat(1_999)}😀`;
    const { handle, events } = await startTask(() => Promise.reject(new BadRequestException(text)));
    await handle.outcome;
    expect((await events.done).at(-1)?.data).toMatchObject({ message: 'a'.repeat(1_999) });
  });

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

function raise(): never {
  throw new Error('not loaded');
}

/** An array whose methods are others. */
function liar(): unknown {
  return Object.assign([new Error('first')], { slice: () => 5, every: () => true, entries: undefined });
}

function revoked(): unknown {
  const { proxy, revoke } = Proxy.revocable([], {});
  revoke();
  return proxy;
}

import { describe, expect, it, jest } from '@jest/globals';
import { EventEmitter, on } from 'node:events';
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { type Observer, Subject } from 'rxjs';
import { InvalidResultError } from 'nestjs-streaming';
import { startTask } from '../support/app.js';

const values = (events: readonly { type: string; data: unknown }[]): unknown[] =>
  events.filter(({ type }) => type === 'progress').map(({ data }) => data);

/** An async iterable by hand. It waits without end after its values unless it is closed. */
function iterable(given: readonly unknown[], { ends = false } = {}) {
  const closed = jest.fn();
  let stuck: ((step: IteratorResult<unknown>) => void) | undefined;
  let index = 0;
  const iterator = {
    next: (): Promise<IteratorResult<unknown>> => {
      if (index < given.length) return Promise.resolve({ done: false, value: given[index++] });
      if (ends) return Promise.resolve({ done: true, value: undefined });
      return new Promise((resolve) => {
        stuck = resolve;
      });
    },
    return: async (): Promise<IteratorResult<unknown>> => {
      closed();
      stuck?.({ done: true, value: undefined });
      return { done: true, value: undefined };
    },
  };
  return { source: { [Symbol.asyncIterator]: () => iterator }, closed };
}

describe('a handler that returns a source', () => {
  it('an async iterable: each value is progress, the last one the result; it is not closed when it has ended', async () => {
    const { source, closed } = iterable([1, { message: 'two' }, 'three'], { ends: true });
    const { handle, events } = await startTask(() => source);
    expect(await handle.result).toBe('three');
    expect(values(events.events)).toEqual([{ percent: 1 }, { message: 'two' }, 'three']);
    expect(closed).not.toHaveBeenCalled();
  });

  it('an async iterable that waits is closed once by a cancellation', async () => {
    const { source, closed } = iterable([1]);
    const { handle, events } = await startTask(async () => source);
    await events.until('progress');
    await handle.cancel();
    await handle.cancel();
    expect(await handle.outcome).toMatchObject({ status: 'cancelled', swallowed: false, abandoned: false });
    expect(closed).toHaveBeenCalledTimes(1);
  });

  it('a source that gives what cannot be sent is closed once, and the task fails', async () => {
    const { source, closed } = iterable([1, 1n]);
    const { handle } = await startTask(() => source);
    expect(await handle.outcome).toMatchObject({ status: 'failed', error: { code: 'INVALID_EVENT' } });
    expect(closed).toHaveBeenCalledTimes(1);
  });

  it('a source whose closing fails makes the task fail', async () => {
    const source = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise<never>(() => {}),
        return: () => Promise.reject(new Error('The connection is gone')),
      }),
    };
    const { handle, running } = await startTask(() => source);
    await running;
    await delay(1);
    await handle.cancel();
    expect(await handle.outcome).toMatchObject({
      status: 'failed',
      error: { message: 'The connection is gone' },
      cancellation: { reason: { kind: 'external' } },
    });
  });

  it('a web stream: read to its end, cancelled once while it waits', async () => {
    const whole = await startTask(
      () =>
        new ReadableStream({
          start(controller) {
            controller.enqueue('a');
            controller.enqueue('b');
            controller.close();
          },
        }),
    );
    expect(await whole.handle.result).toBe('b');
    const cancel = jest.fn<() => void>();
    const { handle, events } = await startTask(
      () => new ReadableStream<number>({ start: (controller) => controller.enqueue(1), cancel }),
    );
    await events.until('progress');
    await handle.cancel();
    expect((await handle.outcome).status).toBe('cancelled');
    expect(cancel).toHaveBeenCalledTimes(1);
  });

  it('a Node stream: read to its end, destroyed while it waits', async () => {
    const whole = await startTask(() => Readable.from(['a', 'b']));
    expect(await whole.handle.result).toBe('b');
    const destroy = jest.fn();
    const stream = new Readable({
      objectMode: true,
      read() {},
      destroy(error, callback) {
        destroy();
        callback(error);
      },
    });
    stream.push('a');
    const { handle, events } = await startTask(() => stream);
    await events.until('progress');
    await handle.cancel();
    expect(await handle.outcome).toMatchObject({ status: 'cancelled', swallowed: false });
    expect(stream.destroyed).toBe(true);
    expect(destroy).toHaveBeenCalledTimes(1);
  });

  it('the events of an emitter: their iterator has a throw() that is none', async () => {
    const emitter = new EventEmitter();
    const { handle, events } = await startTask(() => on(emitter, 'tick'));
    await events.until('started');
    await delay(1);
    emitter.emit('tick', 7);
    await events.until('progress');
    await handle.cancel();
    expect(await handle.outcome).toMatchObject({ status: 'cancelled', swallowed: false });
    expect(emitter.listenerCount('tick')).toBe(0);
  });

  it('an Observable of another library', async () => {
    const subject = new Subject<number>();
    const marked = {
      ['@@observable']() {
        return this;
      },
      subscribe: (observer: Observer<number>) => subject.subscribe(observer),
    };
    const { handle, events, running } = await startTask(() => marked);
    await running;
    await delay(1);
    subject.next(5);
    subject.complete();
    expect(await handle.result).toBe(5);
    expect(values(events.events)).toEqual([{ percent: 5 }]);
  });

  it('one that comes after the cancellation is closed, and nothing of it is read', async () => {
    const { source, closed } = iterable([1]);
    const { handle, running, events } = await startTask(async (task) => {
      await task.sleep(60_000).catch(() => {});
      return source;
    });
    await running;
    await handle.cancel();
    expect((await handle.outcome).status).toBe('cancelled');
    expect(closed).toHaveBeenCalledTimes(1);
    expect(events.types).toEqual(['started', 'cancelled']);
  });
});

describe('a result of which JSON would make nothing', () => {
  it.each<[string, unknown, string]>([
    ['a Map', new Map([[1, 2]]), 'JSON cannot hold a Map'],
    ['a Set inside', { users: { seen: new Set([1]) } }, 'JSON cannot hold a Set at "users.seen"'],
    ['an Error', new Error('x'), 'JSON cannot hold an Error'],
    ['a Promise inside', [Promise.resolve(1)], 'JSON cannot hold a Promise at "0"'],
    ['a function inside', { run: () => 1 }, 'JSON cannot hold a function at "run"'],
    ['NaN inside', { rate: NaN }, 'JSON cannot hold NaN at "rate"'],
  ])('%s fails the task, and the error names the place', async (_what, value, why) => {
    const { handle } = await startTask(() => value);
    const { status, error } = await handle.outcome;
    expect(status).toBe('failed');
    expect(error).toBeInstanceOf(InvalidResultError);
    expect((error as Error).message).toContain(why);
  });

  it('what says itself what JSON takes of it is a result', async () => {
    class Money {
      toJSON = () => '5 EUR';
    }
    const { handle } = await startTask(() => ({
      at: new Date(0),
      price: new Money(),
      bytes: Buffer.from('a'),
    }));
    expect(await handle.result).toEqual({
      at: '1970-01-01T00:00:00.000Z',
      price: '5 EUR',
      bytes: { type: 'Buffer', data: [97] },
    });
  });
});

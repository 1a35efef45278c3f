import { describe, expect, it, jest } from '@jest/globals';
import { EventEmitter, on } from 'node:events';
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { interval, Observable, type Observer, Subject, take } from 'rxjs';
import { InvalidResultError, type TaskContext } from 'nestjs-streaming';
import { startTask } from '../../support/app.js';

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

async function* numbers(count: number): AsyncGenerator<number> {
  for (let n = 0; n < count; n++) {
    await delay(2);
    yield n;
  }
}

/** An async iterable that is no generator. */
function counting(count: number): AsyncIterable<number> {
  return {
    [Symbol.asyncIterator]: () => {
      const generator = numbers(count);
      return { next: () => generator.next() };
    },
  };
}

let closedStreams = 0;

/** A stream of one value that closes in its own way. */
function closing(close: (done: (error?: Error | null) => void) => void): Readable {
  closedStreams = 0;
  const stream = new Readable({
    objectMode: true,
    read: () => {},
    destroy: (_error, done) => {
      close((error) => {
        closedStreams++;
        done(error);
      });
    },
  });
  stream.push(1);
  return stream;
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

  it('an async iterable that always has a value is closed once by a cancellation, and read no more', async () => {
    let pulls = 0;
    const closed = jest.fn();
    const { handle, events } = await startTask(() => ({
      [Symbol.asyncIterator]: () => ({
        next: async () => ({ done: false, value: ++pulls }),
        return: async () => {
          closed();
          return { done: true, value: undefined };
        },
      }),
    }));
    await events.until('progress');
    await handle.cancel();
    expect(await handle.outcome).toMatchObject({ status: 'cancelled', swallowed: false, abandoned: false });
    const before = pulls;
    await delay(5);
    expect(pulls).toBe(before);
    expect(closed).toHaveBeenCalledTimes(1);
  });

  it.each<[string, (task: TaskContext) => unknown]>([
    ['an async iterable', () => counting(5)],
    ['an Observable', () => interval(2).pipe(take(5))],
  ])(
    '%s goes on when the cancellation is withdrawn at once, and can be cancelled again',
    async (_what, make) => {
      const once = await startTask((task) => {
        task.onCancel(() => task.uncancel());
        return make(task);
      });
      await once.events.until('progress');
      await once.handle.cancel();
      expect(await once.handle.outcome).toMatchObject({ status: 'completed', value: 4 });

      const twice = await startTask((task) => {
        task.onCancel(() => task.uncancel());
        return interval(1);
      });
      await twice.events.until('progress');
      await twice.handle.cancel();
      await twice.handle.cancel();
      expect(await twice.handle.outcome).toMatchObject({ status: 'cancelled' });
    },
  );

  it('an async iterable that is closed by a cancellation ends with it, though that is withdrawn meanwhile', async () => {
    const { handle, events } = await startTask((task) => ({
      [Symbol.asyncIterator]: () => ({
        next: async () => ({ done: false, value: 1 }),
        return: async () => {
          task.uncancel();
          return { done: true, value: undefined };
        },
      }),
    }));
    await events.until('progress');
    await handle.cancel();
    expect(await handle.outcome).toMatchObject({ status: 'failed', error: { name: 'CancelledError' } });
  });

  it.each([undefined, null, 5])('an async iterable whose step is %s makes the task fail', async (step) => {
    const { handle } = await startTask(() => ({
      [Symbol.asyncIterator]: () => ({ next: async () => step }),
    }));
    expect(await handle.outcome).toMatchObject({ status: 'failed', error: { name: 'TypeError' } });
  });

  it('a source that gives what cannot be sent fails with that, though its closing fails too', async () => {
    const { handle } = await startTask(() => ({
      [Symbol.asyncIterator]: () => ({
        next: async () => ({ done: false, value: 1n }),
        return: () => Promise.reject(new Error('The connection is gone')),
      }),
    }));
    expect(await handle.outcome).toMatchObject({ status: 'failed', error: { code: 'INVALID_EVENT' } });
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

  it.each([false, true])(
    'an Observable whose teardown fails makes the task fail (it completes later: %s)',
    async (isLater) => {
      const source = new Observable<number>((observer) => {
        observer.next(1);
        if (isLater) setImmediate(() => observer.complete());
        else observer.complete();
        return () => {
          throw new Error('The connection is gone');
        };
      });
      const { handle } = await startTask(() => source);
      expect(await handle.outcome).toMatchObject({
        status: 'failed',
        error: { message: expect.stringContaining('The connection is gone') },
      });
    },
  );

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

  it('a Node stream: its close is waited for', async () => {
    const { handle, events } = await startTask(() => closing((done) => setTimeout(done, 20)));
    await events.until('progress');
    await handle.cancel();
    expect(await handle.outcome).toMatchObject({ status: 'cancelled', abandoned: false });
    expect(closedStreams).toBe(1);
  });

  it.each([false, true])('a Node stream whose close fails makes the task fail (read: %s)', async (read) => {
    const { handle, events } = await startTask(async (task) => {
      const stream = closing((done) => done(new Error('The disk is full')));
      if (!read) task.cancel();
      return stream;
    });
    if (read) {
      await events.until('progress');
      await handle.cancel();
    }
    expect(await handle.outcome).toMatchObject({
      status: 'failed',
      error: { message: 'The disk is full' },
      cancellation: { name: 'CancelledError' },
    });
  });

  it.each([false, true])(
    'a Node stream that tells nothing of its close is not waited for (it closes later: %s)',
    async (isLater) => {
      const stream = new Readable({
        objectMode: true,
        emitClose: false,
        read: () => {},
        destroy: (error, done) => {
          if (isLater) setImmediate(done, error);
          else done(error);
        },
      });
      stream.push(1);
      const { handle, events } = await startTask(() => stream);
      await events.until('progress');
      await handle.cancel();
      expect(await handle.outcome).toMatchObject({ status: 'cancelled', abandoned: false });
      expect(stream.destroyed).toBe(true);
    },
  );

  it('a Node stream that is closed when the cancellation comes is not waited for', async () => {
    const { handle } = await startTask(async (task) => {
      const stream = closing((done) => done());
      await EventEmitter.once(stream.destroy(), 'close');
      task.cancel();
      return stream;
    });
    expect(await handle.outcome).toMatchObject({ status: 'cancelled', abandoned: false });
    expect(closedStreams).toBe(1);
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
    ['an invalid Date', new Date(NaN), 'JSON cannot hold an invalid Date'],
    ['a Map that a toJSON() gives', { one: { toJSON: () => new Map() } }, 'JSON cannot hold a Map at "one"'],
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

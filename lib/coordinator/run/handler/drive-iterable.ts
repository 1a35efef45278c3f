// Not the global one: a test may fake that.
import { setImmediate } from 'node:timers';
import type { RunContext } from './run-context.js';

/** What a source of values looks like to the one who drives it. */
interface Source {
  next(): PromiseLike<IteratorResult<unknown, unknown>>;
  /** Closes it, also while `next` waits. */
  close(): unknown;
}

/** Streams of Node, as far as they are used. */
interface NodeStream extends AsyncIterable<unknown> {
  destroy(): unknown;
  pipe(): unknown;
}

/** Whether a value is an async iterable: a web or a Node stream too. */
export function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  if (typeof value !== 'object' || value === null) return false;
  return typeof (value as Partial<AsyncIterable<unknown>>)[Symbol.asyncIterator] === 'function';
}

/** Closes an iterable that nothing was read from yet. */
export async function closeIterable(iterable: AsyncIterable<unknown>): Promise<void> {
  await open(iterable).close();
}

/**
 * Reads an async iterable to its end: each value is progress, the last one the result. A cancellation closes it, once, and
 * so does a value that cannot be sent.
 */
export async function driveIterable(iterable: AsyncIterable<unknown>, context: RunContext): Promise<unknown> {
  const source = open(iterable);
  let cancel = (): void => {};
  const cancelled = new Promise<undefined>((resolve) => {
    cancel = () => resolve(undefined);
  });
  const registration = context.onCancel(cancel);
  let last: unknown;
  try {
    for (;;) {
      const next = Promise.resolve(source.next());
      const step = await Promise.race([next, cancelled]);
      if (!step) {
        // It ends by being closed, with an error or without.
        next.catch(() => {});
        await source.close();
        context.throwIfCancelled();
        return last;
      }
      if (step.done) return step.value === undefined ? last : step.value;
      last = step.value;
      await send(last, source, context);
      await new Promise((resolve) => setImmediate(resolve));
    }
  } finally {
    registration[Symbol.dispose]();
  }
}

async function send(value: unknown, source: Source, context: RunContext): Promise<void> {
  try {
    context.emitProgress(value);
  } catch (error) {
    await source.close();
    throw error;
  }
}

function open(iterable: AsyncIterable<unknown>): Source {
  if (isWebStream(iterable)) {
    const reader = iterable.getReader();
    return {
      next: async () => {
        const { done, value } = await reader.read();
        return { done, value };
      },
      close: () => reader.cancel(),
    };
  }
  const iterator = iterable[Symbol.asyncIterator]();
  if (isNodeStream(iterable)) {
    // Its iterator would wait for the next chunk before it closes the stream.
    return { next: () => iterator.next(), close: () => void iterable.destroy() };
  }
  return { next: () => iterator.next(), close: () => iterator.return?.() };
}

function isWebStream(value: object): value is ReadableStream<unknown> & AsyncIterable<unknown> {
  return 'getReader' in value && typeof value.getReader === 'function';
}

function isNodeStream(value: object): value is NodeStream {
  const { destroy, pipe } = value as Partial<NodeStream>;
  return typeof destroy === 'function' && typeof pipe === 'function';
}

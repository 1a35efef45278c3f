// Not the global one: a test may fake that.
import { setImmediate } from 'node:timers';
import type { CancelWatch } from './cancel-watch.js';
import { destroyStream, isNodeStream } from './node-stream.js';
import type { RunContext } from './run-context.js';

/** What an iterator gives for each `next()`. */
export type Step = IteratorResult<unknown, unknown>;

/** @throws TypeError for what is no object, as `for await` does */
export function assertStep(value: unknown): Step {
  if (isStep(value)) return value;
  throw new TypeError(
    `The iterator that the handler returned gave ${String(value)} where a result with value and done was expected`,
  );
}

export function isStep(value: unknown): value is Step {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

/** What a source of values looks like to the one who drives it. */
interface Source {
  next(): unknown;
  /** Closes it, also while `next` waits. */
  close(): unknown;
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
 * so does a value that cannot be sent. Nothing is read from it after the end of the task.
 */
export async function driveIterable(
  iterable: AsyncIterable<unknown>,
  context: RunContext,
  watch: CancelWatch,
): Promise<unknown> {
  const source = open(iterable);
  let last: unknown;
  while (!context.cancelled && !context.node.over) {
    const next = Promise.resolve(source.next());
    let waited = await watch.wait(next);
    // A cancellation that is withdrawn before the source is closed does not close it.
    while (!waited && !context.cancelled) waited = await watch.wait(next);
    if (!waited) break;
    const step = assertStep(waited.value);
    if (step.done) return step.value === undefined ? last : step.value;
    last = step.value;
    await send(last, source, context);
    await new Promise((resolve) => setImmediate(resolve));
  }
  // Closed, it cannot go on, though the cancellation may be withdrawn by then.
  const { cancellation } = context.node;
  await source.close();
  if (cancellation) throw cancellation;
  return last;
}

async function send(value: unknown, source: Source, context: RunContext): Promise<void> {
  try {
    void context.emitProgress(value);
  } catch (error) {
    // As in `for await`: what its closing throws does not replace the error that closes it.
    await Promise.resolve()
      .then(() => source.close())
      .catch(() => {});
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
    return { next: () => iterator.next(), close: () => destroyStream(iterable) };
  }
  return { next: () => iterator.next(), close: () => iterator.return?.() };
}

function isWebStream(value: object): value is ReadableStream<unknown> & AsyncIterable<unknown> {
  return 'getReader' in value && typeof value.getReader === 'function';
}

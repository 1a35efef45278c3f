import type { ResolvedRetry } from '../client.options.js';

/** Calls something later; returns what takes that back. A time that no timer can hold never comes. */
export function later(ms: number, call: () => void): () => void {
  const timer = ms < 2 ** 31 ? setTimeout(call, ms) : undefined;
  return () => clearTimeout(timer);
}

/** Cuts what takes longer; returns what takes that back. */
export function limit(ms: number, cut: AbortController): () => void {
  return later(ms, () => cut.abort(new Error(`Silent ${ms} ms`)));
}

/** Settles as `work` does, or rejects with the reason of the signal. */
export function until<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const stop = (): void => reject(signal?.reason as unknown);
    if (signal?.aborted) stop();
    signal?.addEventListener('abort', stop);
    void work.then(resolve, reject).finally(() => signal?.removeEventListener('abort', stop));
  });
}

/**
 * How long to wait for the next try, at random up to a limit that doubles, in milliseconds.
 *
 * @param tries how many have failed
 */
export function delayAfter(tries: number, { min, max }: ResolvedRetry): number {
  return Math.random() * Math.min(max, min * 2 ** Math.max(0, tries - 1));
}

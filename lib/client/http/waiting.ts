/** `setTimeout` fires at once for anything longer. */
const LONGEST = 2 ** 31 - 1;

/** Calls something later; returns what takes that back. A time that no timer can hold never comes. */
export function later(ms: number, call: () => void): () => void {
  if (ms > LONGEST) return () => undefined;
  const timer = setTimeout(call, ms);
  return () => clearTimeout(timer);
}

/** Settles as `work` does, or rejects with the reason of the signal. */
export async function until<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  let stop: (() => void) | undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    stop = () => reject(signal.reason as unknown);
    signal.addEventListener('abort', stop);
    if (signal.aborted) stop();
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    if (stop) signal.removeEventListener('abort', stop);
  }
}

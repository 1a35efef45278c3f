import { emitsClose } from '../../internals/node-internals.js';

/** A stream of Node, as far as it is used here. */
export interface NodeStream extends AsyncIterable<unknown> {
  destroy(): unknown;
  pipe(): unknown;
  once(event: 'close' | 'error', listener: (error?: unknown) => void): unknown;
  /** Not on the old kind of streams: they tell nothing of their end. */
  readonly closed?: boolean;
  readonly errored?: Error | null;
}

export function isNodeStream(value: object): value is NodeStream {
  const { destroy, pipe, once } = value as Partial<NodeStream>;
  return [destroy, pipe, once].every((method) => typeof method === 'function');
}

/** Destroys a stream, and waits until it is closed. Rejects with what the stream fails with meanwhile. */
export function destroyStream(stream: NodeStream): Promise<void> {
  return new Promise((resolve, reject) => {
    // An 'error' event without a listener would end the process.
    stream.once('error', reject);
    stream.once('close', () => resolve());
    stream.destroy();
    if (stream.closed && stream.errored) reject(stream.errored);
    // The event has been, or never comes.
    if (stream.closed !== false || !emitsClose(stream)) resolve();
  });
}

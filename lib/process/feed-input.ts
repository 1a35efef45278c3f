import { finished, pipeline, type Readable, Transform, type Writable } from 'node:stream';

/** Writes the input of a process, which need not read all of it. `fail` gets what the input fails with. */
export function feedInput(
  input: string | ArrayBufferView | Readable,
  stdin: Writable,
  fail: (error: unknown) => void,
): void {
  stdin.on('error', () => {});
  if (typeof input === 'string' || ArrayBuffer.isView(input)) {
    stdin.end(writable(input));
    return;
  }
  let isTaken = true;
  const onEnd = (): void => {
    isTaken = false;
  };
  stdin.once('error', onEnd);
  stdin.once('close', onEnd);
  // Each of the two destroys the other, with its error. Only the first one counts.
  const failIfTaken = (error: unknown): void => {
    if (isTaken) fail(error);
  };
  finished(input, { writable: false }, (error) => {
    if (error) failIfTaken(error);
  });
  // A pipe alone would throw at what cannot be written, and end this process with it.
  const check = new Transform({
    writableObjectMode: true,
    writableHighWaterMark: 1,
    transform(chunk: unknown, _encoding, done) {
      if (typeof chunk === 'string' || ArrayBuffer.isView(chunk)) {
        done(null, writable(chunk));
        return;
      }
      const error = new TypeError(
        `runProcess(): the input stream gave a value of type ${typeof chunk}; it must give strings or bytes`,
      );
      failIfTaken(error);
      done(error);
    },
  });
  pipeline(input, check, stdin, () => {});
}

/** A stream takes no other view than a `Uint8Array`. */
function writable(chunk: string | ArrayBufferView): string | Uint8Array {
  return typeof chunk === 'string' ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}

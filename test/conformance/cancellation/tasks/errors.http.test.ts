import { describe, expect, it } from '@jest/globals';
import type { NextFunction, Request, Response } from 'express';
import type { Server, Socket } from 'node:net';
import { CancelledError } from 'nestjs-streaming';
import { startTask } from '../../../support/app.js';
import { logSides } from '../../../support/app/sides.js';
import { RawSocket } from '../../../support/clients/raw-socket.js';
import { openStream } from '../../../support/clients/sse.js';
import { StoppedClock } from '../../../support/stopped-clock.js';
import { deferred, eventually } from '../../../support/wait.js';
import { expectEnd, rejection } from '../expect-end.js';

type WriteCallback = (error?: Error | null) => void;
type Chunk = Uint8Array | string;
interface Writing {
  _write(chunk: Chunk, encoding: BufferEncoding, callback: WriteCallback): void;
  _writev(chunks: { chunk: Chunk }[], callback: WriteCallback): void;
}

/** Makes the kernel refuse whatever holds `text`, as it does when the peer is gone; tells how often it did. */
function refuseWritesOf(socket: Socket, text: string): { readonly refused: number } {
  const { _write: write, _writev: writev } = socket as unknown as Writing;
  const tally = { refused: 0 };
  const isRefused = (chunk: Chunk): boolean => Buffer.from(chunk as Uint8Array).includes(text);
  const refuse = (callback: WriteCallback): void => {
    tally.refused += 1;
    callback(Object.assign(new Error('write EPIPE'), { code: 'EPIPE', syscall: 'write' }));
  };
  const refusing: Writing = {
    _write(chunk, encoding, callback) {
      if (isRefused(chunk)) refuse(callback);
      else write.call(socket, chunk, encoding, callback);
    },
    _writev(chunks, callback) {
      if (chunks.some(({ chunk }) => isRefused(chunk))) refuse(callback);
      else writev.call(socket, chunks, callback);
    },
  };
  Object.assign(socket, refusing);
  return tally;
}

describe.each(logSides)('ER. Errors and outcomes, over HTTP ($name)', (side) => {
  it('ER.214 a connection whose write fails at the cancelled event is dropped, and concerns no one else', async () => {
    const { taskApp, ...started } = await startTask((task) => task.sleep(60_000), { ...side, listen: true });
    const { handle } = started;
    const path = `/stream/test/${handle.ref.name}/${handle.id}`;
    const accepted = deferred<Socket>();
    (taskApp.app.getHttpServer() as Server).once('connection', accepted.resolve);
    const failing = await RawSocket.get(taskApp.port, path);
    await failing.until('event: started');
    const other = await openStream(`${taskApp.origin}${path}`);
    await other.next('started');
    await eventually(async () => (await handle.snapshot()).watchers === 3);

    const serverSide = await accepted.promise;
    const tally = refuseWritesOf(serverSide, 'event: cancelled');
    expect(await handle.cancel()).toBe(true);

    expect(await rejection(handle.result)).toBeInstanceOf(CancelledError);
    await other.next('cancelled');
    expect(await other.ended).toBe('complete');
    await failing.closed;
    expect(tally.refused).toBe(1);
    expect(serverSide.destroyed).toBe(true);
    expect(failing.received).not.toContain('event: cancelled');
    await expectEnd(started, 'cancelled');
    await eventually(async () => (await handle.snapshot()).watchers === 0);
    expect(taskApp.logs.errors).toEqual([]);
  });

  it('ER.214 a client that resets its connection as the task is cancelled concerns no one else', async () => {
    const { taskApp, ...started } = await startTask((task) => task.sleep(60_000), { ...side, listen: true });
    const { handle } = started;
    const path = `/stream/test/${handle.ref.name}/${handle.id}`;
    const gone = await RawSocket.get(taskApp.port, path);
    await gone.until('event: started');
    const other = await openStream(`${taskApp.origin}${path}`);
    await other.next('started');

    gone.socket.resetAndDestroy();
    expect(await handle.cancel()).toBe(true);

    await other.next('cancelled');
    expect(await other.ended).toBe('complete');
    expect(await rejection(handle.result)).toBeInstanceOf(CancelledError);
    await expectEnd(started, 'cancelled');
    await eventually(async () => (await handle.snapshot()).watchers === 0);
  });

  it('ER.215 a client that never reads neither delays the cancellation nor fills the memory', async () => {
    // A wait would hang.
    using _ = new StoppedClock();
    const filled = deferred();
    const payload = 'x'.repeat(10_000);
    const responses: Response[] = [];
    const { taskApp, ...started } = await startTask(
      async (task) => {
        for (let n = 0; n < 2_000; n++) {
          await task.sendEvent('chunk', { payload });
          if (n % 20 === 0) await task.yield();
        }
        filled.resolve();
        await task.sleep(60_000);
      },
      {
        ...side,
        listen: true,
        configure: (app) =>
          app.use((_request: Request, response: Response, next: NextFunction) => {
            responses.push(response);
            next();
          }),
        start: { id: 'chatty' },
        task: { concurrency: 1 },
      },
    );
    const { handle, coordinator } = started;
    const stuck = await RawSocket.connect(taskApp.port);
    stuck.pause();
    stuck.request('GET', `/stream/test/${handle.ref.name}/${handle.id}`);
    await filled.promise;
    await eventually(async () => (await handle.snapshot()).watchers === 2);

    expect(await coordinator.cancelTask(handle.ref)).toBe(true);
    await expectEnd(started, 'cancelled');

    expect(responses).toHaveLength(1);
    const [response] = responses;
    expect(response?.writableFinished).toBe(false);
    const held = (response?.writableLength ?? 0) + (response?.socket?.writableLength ?? 0);
    expect(held).toBeLessThan(256 * 1024);
    await stuck.close('reset');
    await eventually(async () => (await handle.snapshot()).watchers === 0);
  });
});

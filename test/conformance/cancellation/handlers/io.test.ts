import { afterEach, describe, expect, it } from '@jest/globals';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough, Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { startTask } from '../../../support/app.js';
import { deferred } from '../../../support/wait.js';
import { expectEnd } from '../expect-end.js';
import { stopwatch } from '../timing.js';

describe('AD. I/O with the signal of a task', () => {
  const servers: Server[] = [];
  afterEach(async () => {
    await Promise.all(
      servers.splice(0).map(
        (server) =>
          new Promise((resolve) => {
            server.close(resolve);
            server.closeAllConnections();
          }),
      ),
    );
  });

  it('AD.225 a fetch to a server that never answers is aborted, and the server sees the connection close', async () => {
    const asked = deferred<IncomingMessage>();
    const server = createServer((request) => {
      asked.resolve(request);
    });
    servers.push(server);
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const started = await startTask(async (task) => (await fetch(url, { signal: task.signal })).status);
    const { socket } = await asked.promise;
    const closed = new Promise((resolve) => {
      socket.once('close', resolve);
    });
    const watch = stopwatch();
    expect(await started.handle.cancel()).toBe(true);
    await closed;
    expect(watch.elapsed).toBeLessThan(500);
    const outcome = await expectEnd(started, 'cancelled');
    expect(outcome).toMatchObject({ abandoned: false, swallowed: false });
  });

  it('AD.227 a pipeline is destroyed at both ends', async () => {
    const source = new Readable({
      read() {
        setImmediate(() => this.push('x'));
      },
    });
    const flowing = deferred();
    const target = new Writable({
      write(_chunk, _encoding, callback) {
        flowing.resolve();
        callback();
      },
    });
    const started = await startTask((task) =>
      pipeline(source, new PassThrough(), target, { signal: task.signal }),
    );
    await flowing.promise;
    expect(await started.handle.cancel()).toBe(true);
    await expectEnd(started, 'cancelled');
    expect([source.destroyed, target.destroyed]).toEqual([true, true]);
    expect(target.writableFinished).toBe(false);
  });
});

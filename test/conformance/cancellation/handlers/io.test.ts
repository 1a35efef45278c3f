import { describe, expect, it } from '@jest/globals';
import { PassThrough, Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { startTask } from '../../../support/app.js';
import { HangingServer } from '../../../support/hanging-server.js';
import { deferred } from '../../../support/wait.js';
import { expectEnd } from '../expect-end.js';

describe('AD. I/O with the signal of a task', () => {
  it('AD.225 a fetch to a server that never answers is aborted, and the server sees the connection close', async () => {
    await using server = await new HangingServer().listen();
    const started = await startTask(
      async (task) => (await fetch(server.url, { signal: task.signal })).status,
    );
    await server.request('GET');
    expect(await started.handle.cancel()).toBe(true);
    await server.connectionClosed;
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

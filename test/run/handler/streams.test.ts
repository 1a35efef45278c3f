import { afterAll, describe, expect, it } from '@jest/globals';
import { getEventListeners, once } from 'node:events';
import { createReadStream, createWriteStream, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { readdir, readlink, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addAbortSignal, PassThrough, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { startTask } from '../../support/app.js';
import { deferred, eventually, patience, withTimeout } from '../../support/wait.js';

describe('a handler with the signal in Node streams', () => {
  const folder = mkdtempSync(join(tmpdir(), 'streams-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** Files of the folder that this process has open. */
  async function openFiles(): Promise<number> {
    const entries = await readdir('/proc/self/fd');
    const targets = await Promise.all(
      entries.map((entry) => readlink(`/proc/self/fd/${entry}`).catch(() => '')),
    );
    return targets.filter((target) => target.startsWith(folder)).length;
  }

  it('pipeline: ends cancelled, all streams are destroyed, files closed, and half a file can be removed', async () => {
    const target = join(folder, 'zeros.gz');
    let streams: { destroyed: boolean }[] = [];
    const { handle } = await startTask(async (task) => {
      const [source, gzip, file] = [createReadStream('/dev/zero'), createGzip(), createWriteStream(target)];
      streams = [source, gzip, file];
      task.defer(({ status }) => (status === 'completed' ? undefined : rm(target, { force: true })));
      await pipeline(source, gzip, file, { signal: task.signal });
    });
    await eventually(() => existsSync(target));
    expect(await openFiles()).toBe(1);
    expect(await handle.cancel()).toBe(true);
    expect(await handle.outcome).toMatchObject({ status: 'cancelled', swallowed: false, abandoned: false });
    expect(streams.map(({ destroyed }) => destroyed)).toEqual([true, true, true]);
    expect(existsSync(target)).toBe(false);
    await eventually(async () => (await openFiles()) === 0);
  });

  it('pipeline: ends cancelled with a generator in it, whose cleanup runs', async () => {
    let cleaned = false;
    const flowing = deferred();
    const { handle } = await startTask((task) =>
      pipeline(
        createReadStream('/dev/zero'),
        async function* (source: AsyncIterable<Buffer>) {
          try {
            for await (const chunk of source) {
              flowing.resolve();
              yield chunk.length;
            }
          } finally {
            cleaned = true;
          }
        },
        async (lengths: AsyncIterable<number>) => {
          for await (const length of lengths) expect(length).toBeGreaterThan(0);
        },
        { signal: task.signal },
      ),
    );
    await flowing.promise;
    await handle.cancel();
    expect(await handle.outcome).toMatchObject({ status: 'cancelled', swallowed: false });
    expect(cleaned).toBe(true);
  });

  it('pipeline: ends failed with what a stream failed with', async () => {
    const { handle } = await startTask((task) =>
      pipeline(createReadStream(join(folder, 'missing')), new PassThrough(), { signal: task.signal }),
    );
    expect(await handle.outcome).toMatchObject({ status: 'failed', error: { code: 'ENOENT' } });
  });

  it('addAbortSignal: a socket that is read ends with the task', async () => {
    const peers: Socket[] = [];
    const server = createServer((socket) => {
      peers.push(socket.on('error', () => {}));
      socket.write('hello');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const read = deferred();
    const { handle } = await startTask(async (task) => {
      const socket = addAbortSignal(task.signal, connect(port, '127.0.0.1'));
      for await (const chunk of socket) read.resolve(void chunk);
    });
    await read.promise;
    const closed = once(peers[0]!, 'close');
    await handle.cancel();
    expect(await handle.outcome).toMatchObject({ status: 'cancelled', swallowed: false });
    await withTimeout(closed, patience, 'the end of the connection');
    server.close();
    await once(server, 'close');
  });

  it('leaves no listener on the signal', async () => {
    const { handle } = await startTask(async (task) => {
      for (let n = 0; n < 20; n++) {
        await pipeline(Readable.from(['a', 'b']), new PassThrough().resume(), { signal: task.signal });
      }
      return getEventListeners(task.signal, 'abort').length;
    });
    expect(await handle.result).toBe(0);
  });
});

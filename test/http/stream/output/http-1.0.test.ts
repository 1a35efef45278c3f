import { describe, expect, it } from '@jest/globals';
import type { RawSocket } from '../../../support/clients/raw-socket.js';
import { eventually } from '../../../support/wait.js';
import {
  adapters,
  connectRaw,
  createTaskApp,
  expectWatchers,
  type Puppet,
  PuppetTask,
  resumeAfter,
  type TaskApp,
} from '../../../support/watching.js';

/** What nginx speaks to an application unless it is told otherwise. There are no chunks in it: the close is the end. */
describe.each(adapters)('HTTP/1.0 (%s)', (adapter) => {
  async function serve(http: object = {}): Promise<{ app: TaskApp; puppet: Puppet }> {
    const task = new PuppetTask({ replay: { bytes: 50_000_000 } });
    const app = await createTaskApp({ adapter, tasks: [task.type], options: { http } });
    return { app, puppet: await task.start(app) };
  }

  async function ask(app: TaskApp, url: string, ...headers: readonly string[]): Promise<RawSocket> {
    const peer = await connectRaw(app.port);
    const lines = ['Host: x', 'Accept: text/event-stream', ...headers];
    peer.write(`GET ${new URL(url).pathname} HTTP/1.0\r\n${lines.join('\r\n')}\r\n\r\n`);
    await peer.until('\r\n\r\n');
    return peer;
  }

  it.each(['Connection: close', 'Connection: keep-alive', 'X-None: 1'])(
    'the body goes over the wire as it is, event by event, and its end is the close (%s)',
    async (connection) => {
      const { app, puppet } = await serve({ heartbeat: 30, retry: 1_000 });
      const peer = await ask(app, puppet.url, connection);
      expect(peer.status).toBe(200);
      expect(peer.received).not.toMatch(/^(transfer-encoding|content-length):/im);
      await peer.until('event: started\n');
      for (let n = 1; n <= 5; n++) {
        puppet.count(1);
        await peer.until(`event: n\ndata: ${n}\n`);
      }
      const beats = (): number => peer.body.split('\n:\n').length;
      const before = beats();
      await eventually(() => expect(beats()).toBeGreaterThan(before + 2));
      await puppet.end();
      await peer.closed;
      expect(peer.went).toBe('ended');
      // Not a byte but the stream's own.
      const events = peer.body.replaceAll(/^:\n/gm, '').replaceAll(/[a-z0-9]{8,20}-(?=\d)/g, '');
      const n = [1, 2, 3, 4, 5].map((value) => `event: n\ndata: ${value}\nid: ${value + 1}\n\n`);
      expect(events).toBe(
        `\nretry: 1000\n: connected\nevent: started\ndata: {"attempt":1}\nid: 1\n\n${n.join('')}` +
          'event: completed\ndata: {"finalValue":null}\nid: 7\n\n',
      );
    },
  );

  it('it resumes, and the id of the end is a 204', async () => {
    const { app, puppet } = await serve();
    puppet.count(3);
    const watcher = await resumeAfter(puppet.url, '');
    const [, second] = await watcher.nextEvents(2);
    const peer = await ask(app, puppet.url, `Last-Event-ID: ${second!.id}`);
    await puppet.end();
    await peer.closed;
    expect(peer.body.match(/^data: .*$/gm)).toEqual(['data: 2', 'data: 3', 'data: {"finalValue":null}']);
    const { lastEventId } = await puppet.handle.snapshot();
    const over = await ask(app, puppet.url, `Last-Event-ID: ${lastEventId}`);
    await over.closed;
    expect(over).toMatchObject({ status: 204, body: '' });
  });

  it('a client that does not read is given up', async () => {
    const { app, puppet } = await serve({ stallTimeout: 300 });
    const peer = await ask(app, puppet.url);
    await peer.until('started');
    peer.pause();
    for (let n = 0; n < 100; n++) puppet.send('big', 'x'.repeat(200_000));
    await expectWatchers(puppet, 0);
    await puppet.end();
  });
});

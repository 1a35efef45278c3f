import { describe, expect, it } from '@jest/globals';
import {
  adapters,
  connectRaw,
  createTaskApp,
  type Puppet,
  PuppetTask,
  type TaskApp,
} from '../../../support/watching.js';

/** Nest answers `Connection: keep-alive`, whatever it is asked for. */
describe.each(adapters)('a client that asks for its connection to be closed (%s)', (adapter) => {
  async function serve(): Promise<{ app: TaskApp; puppet: Puppet }> {
    const task = new PuppetTask();
    const app = await createTaskApp({ adapter, tasks: [task.type] });
    return { app, puppet: await task.start(app) };
  }

  it.each(['GET', 'HEAD'])('is closed behind the answer to a %s, and others are not', async (method) => {
    const { app, puppet } = await serve();
    await puppet.end();
    const path = new URL(puppet.url).pathname;
    const [once, kept] = [await connectRaw(app.port), await connectRaw(app.port)];
    once.request(method, path, { Connection: 'close' });
    kept.request(method, path);
    await once.closed;
    expect(once.went).toBe('ended');
    expect(once.status).toBe(200);
    expect(once.body.includes('event: completed')).toBe(method === 'GET');
    await kept.until('\r\n\r\n');
    if (method === 'GET') await kept.until('\r\n0\r\n\r\n');
    // It takes another request.
    kept.request('GET', `${path}/status`);
    await kept.until('"completed"');
    expect(kept.isClosed).toBe(false);
  });

  it('has its whole stream before', async () => {
    const { app, puppet } = await serve();
    const peer = await connectRaw(app.port);
    peer.request('GET', new URL(puppet.url).pathname, { Connection: 'close' });
    await peer.until('event: started');
    puppet.count(3);
    await peer.until('data: 3\n');
    expect(peer.isClosed).toBe(false);
    await puppet.end();
    await peer.closed;
    expect(peer.body).toContain('event: completed');
    expect(peer.went).toBe('ended');
  });
});

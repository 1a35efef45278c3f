import { describe, expect, it } from '@jest/globals';
import { StoreUnavailableError } from 'nestjs-streaming';
import { Hold, heldEngine } from '../support/app/held-engine.js';
import { call, expectError } from '../support/clients/http-client.js';
import { deferred, eventually, withTimeout } from '../support/wait.js';
import {
  adapters,
  closeLater,
  createTaskApp,
  type Puppet,
  PuppetTask,
  type TaskApp,
  taskRoutes,
  watch,
} from '../support/watching.js';

const away = (): Promise<void> => Promise.reject(new StoreUnavailableError('The store does not answer'));
const eventStream = { headers: { accept: 'text/event-stream' } };

describe.each(adapters)('an engine that has to ask a store (%s)', (adapter) => {
  async function serve(http: object = {}): Promise<{ app: TaskApp; hold: Hold; puppet: Puppet }> {
    const task = new PuppetTask();
    const hold = new Hold();
    const app = await createTaskApp({
      adapter,
      tasks: [task.type],
      options: { engine: heldEngine(hold), http: { start: true, list: true, ...http } },
      logs: 'here',
    });
    return { app, hold, puppet: await task.start(app) };
  }

  const manyOf = (app: TaskApp, ...puppets: { readonly url: string }[]): string => {
    const path = ({ url }: { readonly url: string }): string => url.slice(app.url.length + 1);
    return `${app.url}/events?${puppets.map((puppet) => `task=${path(puppet)}`).join('&')}`;
  };

  it('answers 503 on every route while the store does not answer, and when to try again', async () => {
    const { app, hold, puppet } = await serve();
    hold.pass = away;
    const type = puppet.url.slice(0, puppet.url.lastIndexOf('/'));
    const routes: [string, string][] = [
      ...taskRoutes.map(([method, path]): [string, string] => [method, `${puppet.url}${path}`]),
      ['POST', type],
      ['GET', app.url],
      ['GET', manyOf(app, puppet, { url: `${puppet.url}-2` })],
    ];
    for (const [method, url] of routes) {
      const answer = await call(method, url, method === 'GET' ? {} : { json: {} });
      expectError(answer, 503, 'STORE_UNAVAILABLE');
      expect(answer.headers).toMatchObject({ 'retry-after': '5', 'cache-control': 'no-store' });
    }
    hold.pass = () => Promise.resolve();
    expect(await call('GET', `${puppet.url}/status`)).toMatchObject({ status: 200 });
  });

  it('answers 503 where the store goes away between two questions', async () => {
    const { hold, puppet, app } = await serve();
    hold.pass = (what) => (what === 'find' ? Promise.resolve() : away());
    const other = `${puppet.url}-other`;
    expectError(await call('DELETE', puppet.url), 503, 'STORE_UNAVAILABLE');
    expectError(await call('POST', `${puppet.url}/signals/go`, { json: {} }), 503, 'STORE_UNAVAILABLE');
    expectError(await call('PUT', other, { json: {} }), 503, 'STORE_UNAVAILABLE');
    hold.pass = () => Promise.resolve();
    expect(await call('GET', `${other}/status`)).toMatchObject({ status: 404 });
    expect(await app.coordinator.get(puppet.handle.ref)).toMatchObject({ status: 'running' });
  });

  it('has an EventSource come back, since it would not after a 503', async () => {
    const { app, hold, puppet } = await serve();
    hold.pass = away;
    for (const url of [puppet.url, manyOf(app, puppet)]) {
      const stream = await watch(url);
      expect(stream.status).toBe(200);
      expect(await stream.ended).toBe('complete');
      expect(stream.retry).toBeGreaterThanOrEqual(2_000);
      expect(stream.events).toEqual([]);
      expect(await call('HEAD', url, eventStream)).toMatchObject({ status: 200, text: '' });
      expect(await call('HEAD', url)).toMatchObject({ status: 503 });
    }
  });

  it('asks once for a stream of many tasks, however many of them cannot be found', async () => {
    const { app, hold, puppet } = await serve();
    const asked: string[] = [];
    hold.pass = async (what) => {
      asked.push(what);
      if (asked.length > 1) await away();
    };
    const url = manyOf(app, puppet, { url: `${puppet.url}-2` }, { url: `${puppet.url}-3` });
    expectError(await call('GET', url), 503, 'STORE_UNAVAILABLE');
    expect(asked).toEqual(['find', 'find', 'find']);
  });

  it('gives the place back of a client that has left while its task was looked for', async () => {
    const { app, hold, puppet } = await serve({ maxStreams: 1 });
    for (const url of [puppet.url, manyOf(app, puppet)]) {
      for (const fails of [false, true]) {
        const gate = deferred();
        hold.pass = () => gate.promise;
        const leaving = call('GET', url, { ...eventStream, timeout: 100 }).catch(() => undefined);
        await eventually(() => expect(hold.pending).toEqual(['find']));
        await leaving;
        if (fails) gate.reject(new StoreUnavailableError('away'));
        else gate.resolve();
        hold.pass = () => Promise.resolve();
        await eventually(() => expect(hold.pending).toEqual([]));
        await eventually(async () => {
          const stream = await watch(url);
          await stream.next('started');
          await stream.close();
        });
      }
    }
  });

  it.each(['answers', 'fails'])(
    'closes in time while a task is looked for, and then the store %s',
    async (how) => {
      const { app, hold, puppet } = await serve();
      const gate = deferred();
      hold.pass = () => gate.promise;
      const watched = call('GET', puppet.url, eventStream);
      const asked = call('GET', `${puppet.url}/status`);
      const cancelled = call('DELETE', puppet.url);
      const started = call('PUT', `${puppet.url}-other`, { json: {} });
      await eventually(() => expect(hold.pending).toEqual(['find', 'find', 'find', 'find']));
      const closed = app.app.close();
      closeLater(() => closed);
      await eventually(() => expect(puppet.handle.status).toBe('cancelled'));
      if (how === 'fails') gate.reject(new StoreUnavailableError('away'));
      else gate.resolve();
      const [stream, status, cancel, start] = await Promise.all([watched, asked, cancelled, started]);
      expect(stream).toMatchObject({ status: 200, text: expect.stringMatching(/^\n?retry: \d+\n$/) });
      expect(status.status).toBe(how === 'fails' ? 503 : 200);
      expect(cancel.status).toBe(how === 'fails' ? 503 : 409);
      expectError(start, 503, how === 'fails' ? 'STORE_UNAVAILABLE' : 'SHUTTING_DOWN');
      await withTimeout(closed, 4_000, 'the close');
    },
  );
});

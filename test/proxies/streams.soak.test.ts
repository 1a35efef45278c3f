import { describe, expect, it } from '@jest/globals';
import { EventSource } from 'eventsource';
import type { Server } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { call } from '../support/clients/http-client.js';
import { describeBehindProxies } from '../support/programs/proxies.js';
import { closeBound, eventually } from '../support/wait.js';
import {
  adapters,
  closeLater,
  createTaskApp,
  expectLive,
  expectNoHole,
  expectWatchers,
  type Puppet,
  PuppetTask,
  range,
  resumeAfter,
  seqOf,
  type TaskApp,
  watch,
} from '../support/watching.js';

describeBehindProxies('streams behind a proxy', (start) => {
  describe.each(adapters)('%s', (adapter) => {
    async function serve(http: object = {}): Promise<{ app: TaskApp; puppet: Puppet; task: PuppetTask }> {
      const task = new PuppetTask();
      const app = await createTaskApp({ adapter, tasks: [task.type], options: { http } });
      return { app, task, puppet: await task.start(app) };
    }

    it('events arrive one by one, heartbeats too, then the end, and a 204 for who comes back', async () => {
      const { app, puppet } = await serve({ heartbeat: 50 });
      const proxy = await start(app.port);
      const versions: string[] = [];
      (app.app.getHttpServer() as Server).on('request', ({ httpVersion }) => versions.push(httpVersion));
      const stream = await watch(proxy.url(puppet.url));
      expect(versions).toEqual([proxy.speaks]);
      expect(stream).toMatchObject({ status: 200, headers: { 'content-type': 'text/event-stream' } });
      await expectLive(puppet, stream);
      await puppet.end();
      await stream.next('completed');
      expect(await stream.ended).toBe('complete');
      expectNoHole(stream.events);
      const back = await resumeAfter(proxy.url(puppet.url), stream.lastEventId ?? '');
      expect(back.status).toBe(204);
    });

    it('status, DELETE and errors are answered, and a cancel is seen', async () => {
      const { app, puppet, task } = await serve();
      const proxy = await start(app.port);
      const url = proxy.url(puppet.url);
      expect((await call('GET', `${url}/status`)).body).toMatchObject({ status: 'running' });
      const stream = await watch(url);
      expect((await call('DELETE', url)).status).toBe(202);
      await stream.next('cancelled');
      expect(await stream.ended).toBe('complete');
      expect((await call('DELETE', url)).status).toBe(409);
      const missing = await call('GET', proxy.url(task.urlOf(app, 'missing')));
      expect(missing).toMatchObject({ status: 404, body: { code: 'TASK_NOT_FOUND' } });
    });

    it('an EventSource goes on where it was when the proxy has restarted, and stops at the end', async () => {
      const { app, puppet } = await serve({ retry: 20 });
      const proxy = await start(app.port);
      const seen: number[] = [];
      const source = new EventSource(proxy.url(puppet.url));
      closeLater(() => source.close());
      for (const type of ['started', 'n', 'completed']) {
        source.addEventListener(type, ({ lastEventId }) => seen.push(seqOf({ id: lastEventId })));
      }
      puppet.count(3);
      await eventually(() => expect(seen).toEqual(range(1, 4)));
      for (let cut = 1; cut <= 2; cut++) {
        const restarted = proxy.restart();
        puppet.count(3);
        await restarted;
        puppet.count(3);
        await eventually(() => expect(seen).toEqual(range(1, 4 + cut * 6)));
      }
      await puppet.end();
      await eventually(() => source.readyState === source.CLOSED);
      expect(seen).toEqual(range(1, 17));
    });

    it('a client that goes away is gone from the watchers, a heartbeat or two later', async () => {
      // To HAProxy a client that has closed may still want to read: it has to write to find out.
      const { app, puppet } = await serve({ heartbeat: 50 });
      const proxy = await start(app.port);
      const [going, staying] = [await watch(proxy.url(puppet.url)), await watch(proxy.url(puppet.url))];
      await Promise.all([going.next('started'), staying.next('started')]);
      await expectWatchers(puppet, 2);
      await going.close();
      await expectWatchers(puppet, 1);
      puppet.count(1);
      await staying.next('n');
      await puppet.end();
      await staying.next('completed');
    });

    it('heartbeats keep a silent stream open longer than the proxy waits', async () => {
      const timeout = 1_000;
      const { app, puppet } = await serve({ heartbeat: 100 });
      const proxy = await start(app.port, timeout);
      const stream = await watch(proxy.url(puppet.url));
      await stream.next('started');
      await delay(3 * timeout);
      puppet.count(1);
      await stream.next('n');
      await puppet.end();
      expect(await stream.ended).toBe('complete');
    });

    it('a shutdown is told through the proxy, and not held up by the connections it keeps', async () => {
      const { app, puppet } = await serve();
      const proxy = await start(app.port);
      const stream = await watch(proxy.url(puppet.url));
      await stream.next('started');
      expect((await call('GET', proxy.url(`${puppet.url}/status`))).status).toBe(200);
      const before = performance.now();
      await app.app.close();
      expect(performance.now() - before).toBeLessThan(closeBound);
      expect(await stream.next('cancelled')).toMatchObject({ data: { reason: 'shutdown' } });
      expect(await stream.ended).toBe('complete');
    });
  });
});

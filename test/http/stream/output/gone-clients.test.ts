import { describe, expect, it } from '@jest/globals';
import { type CanActivate, Injectable, type NestInterceptor } from '@nestjs/common';
import type { Server } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { StreamingModuleOptions, TaskAuthorizer } from 'nestjs-streaming';
import { call } from '../../../support/clients/http-client.js';
import { deferred, eventually } from '../../../support/wait.js';
import {
  adapters,
  connectRaw,
  createTaskApp,
  expectWatchers,
  PuppetTask,
  quiet,
  type TaskApp,
  watch,
  watchersOf,
  watchRaw,
} from '../../../support/watching.js';

const stages = ['guard', 'interceptor', 'authorizer'] as const;

function connectionsOf({ app }: TaskApp): Promise<number> {
  return new Promise((resolve, reject) => {
    (app.getHttpServer() as Server).getConnections((error, count) =>
      error ? reject(error) : resolve(count),
    );
  });
}

/** Clients that leave before the route's handler has run, and those that leave by half. */
describe.each(adapters)('clients that are gone (%s)', (adapter) => {
  /** A gate at one of the places where a request waits before its handler. */
  function gate(stage: (typeof stages)[number]): {
    options: StreamingModuleOptions;
    arrived: () => number;
    open: () => void;
  } {
    const opened = deferred();
    let arrivals = 0;
    const pass = async (at: string): Promise<boolean> => {
      if (at === stage) {
        arrivals += 1;
        await opened.promise;
      }
      return true;
    };
    @Injectable()
    class Guard implements CanActivate {
      canActivate(): Promise<boolean> {
        return pass('guard');
      }
    }
    @Injectable()
    class Authorizer implements TaskAuthorizer {
      authorize(): Promise<boolean> {
        return pass('authorizer');
      }
    }
    const interceptor: NestInterceptor = {
      intercept: async (_context, next) => {
        await pass('interceptor');
        return next.handle();
      },
    };
    return {
      options: {
        authorize: Authorizer,
        http: { guards: [Guard], interceptors: [interceptor], maxStreams: 2, heartbeat: 10, start: true },
      },
      arrived: () => arrivals,
      open: opened.resolve,
    };
  }

  it.each(stages.flatMap((stage) => (['reset', 'fin'] as const).map((how) => [how, stage] as const)))(
    'A20 a client that leaves (%s) while an asynchronous %s is at work becomes no watcher, and keeps no place',
    async (how, stage) => {
      const { options, arrived, open } = gate(stage);
      const task = new PuppetTask();
      const app = await createTaskApp({ adapter, tasks: [task.type], options });
      const puppet = await task.start(app);
      const clients = await Promise.all([watchRaw(puppet.url), watchRaw(puppet.url), watchRaw(puppet.url)]);
      await eventually(() => arrived() === clients.length);
      for (const client of clients) await client.close(how);
      await eventually(async () => expect(await connectionsOf(app)).toBe(0));
      open();
      await delay(quiet);
      expect(await watchersOf(puppet)).toBe(0);
      // Both places are free.
      const streams = await Promise.all([watch(puppet.url), watch(puppet.url)]);
      for (const stream of streams) await stream.next('started');
      expect(await watchersOf(puppet)).toBe(2);
      await puppet.end();
      for (const stream of streams) expect(await stream.ended).toBe('complete');
      expect(app.logs.errors).toEqual([]);
    },
  );

  it('A20 one that leaves in the middle of its input starts nothing', async () => {
    const task = new PuppetTask();
    const app = await createTaskApp({ adapter, tasks: [task.type], options: { http: { start: true } } });
    for (const framing of ['Content-Length: 100', 'Transfer-Encoding: chunked']) {
      for (const how of ['reset', 'fin'] as const) {
        const client = await connectRaw(app.port);
        client.write(
          `PUT /stream/test/${task.name}/half HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${framing}\r\n\r\n` +
            (framing.startsWith('T') ? '5\r\n{"a":' : '{"a":'),
        );
        await delay(5);
        await client.close(how);
      }
    }
    await delay(quiet);
    expect(task.calls).toBe(0);
    expect(await app.coordinator.get({ app: 'test', name: task.name, id: 'half' })).toBeUndefined();
  });

  it('S53 a client that closes its half of the connection is no watcher any more', async () => {
    const task = new PuppetTask();
    const app = await createTaskApp({ adapter, tasks: [task.type] });
    const puppet = await task.start(app);
    const client = await watchRaw(puppet.url);
    await client.until('started');
    expect(await watchersOf(puppet)).toBe(1);
    client.socket.end();
    await client.closed;
    await expectWatchers(puppet, 0);
    await puppet.end();
  });

  it('S53 A23 one that died behind a body which nobody reads is found by the heartbeat', async () => {
    const task = new PuppetTask();
    const app = await createTaskApp({ adapter, tasks: [task.type], options: { http: { heartbeat: 20 } } });
    const puppet = await task.start(app);
    const client = await connectRaw(app.port);
    client.write(
      `GET ${new URL(puppet.url).pathname} HTTP/1.1\r\nHost: x\r\nContent-Type: application/octet-stream\r\nContent-Length: 5000000\r\n\r\n`,
    );
    client.write('x'.repeat(200_000));
    await client.until('started');
    await client.close('reset');
    await expectWatchers(puppet, 0);
    await puppet.end();
  });

  it('HEAD is refused as GET is, takes no place where there is none, and leaves the connection usable', async () => {
    let allowed = true;
    @Injectable()
    class Authorizer implements TaskAuthorizer {
      authorize(): boolean {
        return allowed;
      }
    }
    const task = new PuppetTask();
    const app = await createTaskApp({
      adapter,
      tasks: [task.type],
      options: { authorize: Authorizer, http: { maxStreams: 0 } },
    });
    const puppet = await task.start(app);
    const path = new URL(puppet.url).pathname;
    const client = await connectRaw(app.port);
    for (let n = 0; n < 20; n++) {
      client.received = '';
      client.request('HEAD', path);
      await client.until('\r\n\r\n');
      expect([client.status, client.body]).toEqual([200, '']);
      expect(client.received).toMatch(/\r\ncontent-type: text\/event-stream\r\n/i);
      client.received = '';
      client.request('GET', `${path}/status`);
      await client.until('"watchers":0');
      expect(client.received).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    }
    allowed = false;
    expect((await call('HEAD', puppet.url)).status).toBe(403);
    expect((await call('HEAD', task.urlOf(app, 'a%20b'))).status).toBe(400);
    await puppet.end();
  });
});

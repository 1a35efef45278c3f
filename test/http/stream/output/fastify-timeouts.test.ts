import { describe, expect, it } from '@jest/globals';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { AddressInfo, Server } from 'node:net';
import { CoordinatorService, StreamingModule } from 'nestjs-streaming';
import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '../../../support/wait.js';
import { type Puppet, PuppetTask, watch } from '../../../support/watching.js';

const timeLimit = 150;

describe("Fastify's own timers and hooks", () => {
  it.each([
    ['handlerTimeout', { handlerTimeout: timeLimit }],
    ['connectionTimeout', { connectionTimeout: timeLimit }],
    ['requestTimeout', { requestTimeout: timeLimit }],
  ] as const)('%s does not cut off an open stream', async (_name, options) => {
    await using server = await serve(new FastifyAdapter(options));
    const { puppet } = server;
    const stream = await watch(puppet.url);
    await stream.next('started');
    // The limit counts from the request, and silence from the last byte.
    await delay(2 * timeLimit);
    puppet.count(1);
    await stream.next('n');
    await puppet.end();
    expect(await stream.ended).toBe('complete');
  });

  it('handlerTimeout still ends a request whose authorizer takes too long', async () => {
    class Slow {
      authorize(): Promise<boolean> {
        return delay(10 * timeLimit, true);
      }
    }
    await using server = await serve(new FastifyAdapter({ handlerTimeout: timeLimit }), Slow);
    expect((await watch(server.puppet.url)).status).toBe(503);
  });

  it('onRequest and onResponse run once for a stream, and onSend does not', async () => {
    const adapter = new FastifyAdapter();
    const calls: string[] = [];
    await using server = await serve(adapter, undefined, (app) => {
      const fastify = app.getHttpAdapter().getInstance();
      fastify.addHook('onRequest', async () => void calls.push('onRequest'));
      fastify.addHook('onSend', async () => void calls.push('onSend'));
      fastify.addHook('onResponse', async () => void calls.push('onResponse'));
    });
    const stream = await watch(server.puppet.url);
    await stream.next('started');
    expect(calls).toEqual(['onRequest']);
    await server.puppet.end();
    await stream.ended;
    await eventually(() => expect(calls).toEqual(['onRequest', 'onResponse']));
  });

  async function serve(
    adapter: FastifyAdapter,
    authorize?: new () => { authorize(): Promise<boolean> },
    configure: (app: NestFastifyApplication) => void = () => {},
  ): Promise<{ puppet: Puppet } & AsyncDisposable> {
    const task = new PuppetTask();
    @Module({
      imports: [StreamingModule.forRoot(authorize ? { authorize } : {})],
      providers: [task.type],
    })
    class AppModule {}
    const app = await NestFactory.create<NestFastifyApplication>(AppModule, adapter, { logger: false });
    configure(app);
    await app.listen(0, '127.0.0.1');
    const { port } = (app.getHttpServer() as Server).address() as AddressInfo;
    const coordinator = app.get(CoordinatorService);
    const started = await task.start({ url: `http://127.0.0.1:${port}/stream`, coordinator });
    const puppet = Object.create(started, {
      // Its application is named after its module here.
      url: { value: `http://127.0.0.1:${port}/stream/app/${task.name}/${started.id}` },
    }) as Puppet;
    return {
      puppet,
      async [Symbol.asyncDispose]() {
        await coordinator.shutdown({ drain: 0, timeout: 100 });
        await app.close();
      },
    };
  }
});

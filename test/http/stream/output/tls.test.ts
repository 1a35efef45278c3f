import { describe, expect, it } from '@jest/globals';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import compression from 'compression';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { get } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import type { Readable } from 'node:stream';
import { CoordinatorService, StreamingModule } from 'nestjs-streaming';
import { StoppedClock } from '../../../support/stopped-clock.js';
import { deferred, patience, withTimeout } from '../../../support/wait.js';
import { closeLater, type Puppet, PuppetTask } from '../../../support/watching.js';
import { Relay } from '../../../support/clients/relay.js';

const tls = {
  key: readFileSync(new URL('../../../fixtures/tls/key.pem', import.meta.url)),
  cert: readFileSync(new URL('../../../fixtures/tls/cert.pem', import.meta.url)),
};
const stallTimeout = 1_000;
/** No compression makes it smaller than a half. */
const big = randomBytes(12 * 1024 * 1024).toString('hex');

/** Who reads a stream over TLS: gives its body, decompressed or not. */
type Open = (port: number, path: string) => Promise<Readable>;

async function openHttp1(
  port: number,
  path: string,
  headers: Record<string, string> = {},
): Promise<Readable> {
  const answered = deferred<Readable>();
  const request = get(
    { port, path, host: '127.0.0.1', agent: false, rejectUnauthorized: false, headers },
    answered.resolve,
  );
  request.on('error', answered.reject);
  closeLater(() => void request.destroy());
  return answered.promise;
}

const ways: Readonly<Record<string, Open>> = {
  'HTTP/1.1': openHttp1,
  'HTTP/1.1, compressed': (port, path) => openHttp1(port, path, { 'accept-encoding': 'gzip' }),
  'HTTP/2': async (port, path) => {
    const settings = { initialWindowSize: 2 ** 31 - 1 };
    const session = connectHttp2(`https://127.0.0.1:${port}`, { rejectUnauthorized: false, settings });
    session.on('error', () => undefined);
    session.on('connect', () => session.setLocalWindowSize(2 ** 31 - 1));
    closeLater(() => session.destroy());
    return session.request({ ':path': path });
  },
};

describe('a client over TLS', () => {
  it.each(Object.entries(ways))('that reads steadily gets a large event whole (%s)', async (way, open) => {
    using clock = new StoppedClock();
    const task = new PuppetTask({ replay: { bytes: 64 * 1024 * 1024 } });
    await using server = await serve(task, way);
    const relay = await Relay.open(server.port);
    const body = await open(relay.port, server.path);
    let received = 0;
    const begun = deferred();
    const ended = deferred<number>();
    body.on('data', ({ length }: Buffer) => {
      received += length;
      begun.resolve();
    });
    body.on('error', ended.reject);
    body.on('end', () => ended.resolve(received));
    await withTimeout(begun.promise, patience, 'the beginning of the stream');
    // Four megabytes in a stallTimeout: far from a stall, but longer than that in all.
    relay.slowDown(200_000, () => clock.advance(stallTimeout / 20));
    server.puppet.send('big', big);
    await server.puppet.end();
    const whole = withTimeout(
      ended.promise,
      2 * patience,
      () => `the end of the stream; ${received} bytes came`,
    );
    expect(await whole).toBeGreaterThan(big.length / 2);
    expect(clock.now()).toBeGreaterThan(stallTimeout);
  });

  async function serve(
    task: PuppetTask,
    way: string,
  ): Promise<{ puppet: Puppet; port: number; path: string } & AsyncDisposable> {
    @Module({
      imports: [
        StreamingModule.forRoot({
          tasks: { maxEventBytes: 32 * 1024 * 1024 },
          replay: { bytes: 64 * 1024 * 1024 },
          http: { stallTimeout },
        }),
      ],
      providers: [task.type],
    })
    class AppModule {}
    const options = { logger: false, httpsOptions: tls } as const;
    const app =
      way === 'HTTP/2'
        ? await NestFactory.create(AppModule, new FastifyAdapter({ http2: true, https: tls }), options)
        : await NestFactory.create(AppModule, options);
    if (way.includes('compressed')) app.use(compression());
    await app.listen(0, '127.0.0.1');
    const { port } = (app.getHttpServer() as Server).address() as AddressInfo;
    const coordinator = app.get(CoordinatorService);
    const puppet = await task.start({ url: '', coordinator });
    return {
      puppet,
      port,
      path: `/stream/app/${task.name}/${puppet.id}`,
      async [Symbol.asyncDispose]() {
        await coordinator.shutdown({ drain: 0, timeout: 100 });
        await app.close();
      },
    };
  }
});

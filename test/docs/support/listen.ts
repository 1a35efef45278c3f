import { afterEach } from '@jest/globals';
import type { INestApplication, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { AddressInfo, Server } from 'node:net';
import { RecordingLogger } from '../../support/app/logs.js';

const closes: (() => Promise<void>)[] = [];

afterEach(async () => {
  await Promise.all(closes.splice(0).map((close) => close()));
});

/**
 * Starts an application of a page on a free port, closed after the test. Resolves with its origin.
 *
 * @param configure called before it listens
 */
export async function listenTo(
  module: Type,
  configure: (app: INestApplication) => void = () => undefined,
): Promise<string> {
  const app = await NestFactory.create(module, {
    logger: new RecordingLogger(),
    abortOnError: false,
    forceCloseConnections: true,
  });
  closes.push(() => app.close());
  configure(app);
  await app.listen(0, '127.0.0.1');
  return `http://127.0.0.1:${((app.getHttpServer() as Server).address() as AddressInfo).port}`;
}

import { type INestApplication, Module, type ModuleMetadata, type Type } from '@nestjs/common';
import { DiscoveryModule, NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { AddressInfo, Server } from 'node:net';
import { closeLater } from '../support/clients/open-clients.js';

/** An application of Nest alone, of one module. It is closed after the test. */
export async function createNest(
  metadata: ModuleMetadata,
  { adapter, configure }: { adapter?: string; configure?: (app: INestApplication) => unknown } = {},
): Promise<{ app: INestApplication; origin: string; module: Type }> {
  @Module({ ...metadata, imports: [DiscoveryModule, ...(metadata.imports ?? [])] })
  class AppModule {}
  const options = { logger: false, abortOnError: false, forceCloseConnections: true } as const;
  const app =
    adapter === 'fastify'
      ? await NestFactory.create<INestApplication>(
          AppModule,
          new FastifyAdapter({ forceCloseConnections: true }),
          options,
        )
      : await NestFactory.create<INestApplication>(AppModule, options);
  configure?.(app);
  await app.listen(0, '127.0.0.1');
  closeLater(() => app.close());
  const { port } = (app.getHttpServer() as Server).address() as AddressInfo;
  return { app, origin: `http://127.0.0.1:${port}`, module: AppModule };
}

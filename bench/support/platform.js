import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';

/**
 * What an application stands on.
 *
 * @typedef {object} Platform
 * @property {'express' | 'fastify'} adapter
 * @property {boolean} [http2] Fastify over HTTP/2 without TLS
 * @property {boolean} [compression] Express with its middleware for compression in front
 */

/**
 * An application of Nest that listens on a free port.
 *
 * @param {Platform} platform
 * @param {Function} module
 */
export async function listen(platform, module) {
  const app = await NestFactory.create(module, await adapterOf(platform), { logger: ['error', 'warn'] });
  if (platform.compression) app.use((await import('compression')).default());
  await app.listen(0, '127.0.0.1');
  return app;
}

/** @param {Platform} platform */
async function adapterOf({ adapter, http2 }) {
  if (adapter === 'fastify') {
    const { FastifyAdapter } = await import('@nestjs/platform-fastify');
    return http2 ? new FastifyAdapter({ http2 }) : new FastifyAdapter();
  }
  return new (await import('@nestjs/platform-express')).ExpressAdapter();
}

import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';

/**
 * An application of Nest that listens on a free port.
 *
 * @param {'express' | 'fastify'} platform
 * @param {Function} module
 */
export async function listen(platform, module) {
  const app = await NestFactory.create(module, await adapter(platform), { logger: ['error', 'warn'] });
  await app.listen(0, '127.0.0.1');
  return app;
}

/** @param {'express' | 'fastify'} platform */
async function adapter(platform) {
  if (platform === 'fastify') return new (await import('@nestjs/platform-fastify')).FastifyAdapter();
  return new (await import('@nestjs/platform-express')).ExpressAdapter();
}

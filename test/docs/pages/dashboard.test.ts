import { describe, expect, test } from '@jest/globals';
import type { INestApplication, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { AddressInfo, Server } from 'node:net';
import { call } from '../../support/clients/http-client.js';
import { page } from '../support/documents.js';
import { Examples } from '../support/examples.js';

describe('the page on the dashboard', () => {
  const examples = new Examples(page('dashboard'));

  async function statusOf(file: string, headers: Record<string, string>, user?: object): Promise<number> {
    const { AppModule } = await examples.load<{ AppModule: Type }>(file);
    const app = await NestFactory.create<INestApplication>(AppModule, { logger: false, abortOnError: false });
    app.use((request: { user?: object }, _response: unknown, next: () => void) => {
      if (user) request.user = user;
      next();
    });
    await app.listen(0, '127.0.0.1');
    try {
      const { port } = (app.getHttpServer() as Server).address() as AddressInfo;
      return (await call('GET', `http://127.0.0.1:${port}/streaming`, { headers })).status;
    } finally {
      await app.close();
    }
  }

  test('the guard lets admins in', async () => {
    expect(await statusOf('dashboard.module.ts', {})).toBe(403);
    expect(await statusOf('dashboard.module.ts', { 'x-role': 'admin' })).toBe(200);
  });

  test('access is decided by the user', async () => {
    expect(await statusOf('dashboard-access.module.ts', {})).toBe(403);
    expect(await statusOf('dashboard-access.module.ts', {}, { name: 'ada', role: 'user' })).toBe(200);
  });
});

import { describe, expect, it } from '@jest/globals';
import {
  type ArgumentsHost,
  Catch,
  Controller,
  type ExceptionFilter,
  Get,
  type HttpException,
} from '@nestjs/common';
import type { AbstractHttpAdapter } from '@nestjs/core';
import { call } from '../support/clients/http-client.js';
import { adapters, createTaskApp, PuppetTask, watch } from '../support/watching.js';

describe.each(adapters)('the answer to who has seen the end (%s)', (adapter) => {
  it('A29 a 204 has no ETag, and no cache keeps it; other routes keep their ETags', async () => {
    @Controller('own')
    class OwnController {
      @Get()
      get(): object {
        return { own: true };
      }
    }
    const task = new PuppetTask();
    const app = await createTaskApp({ adapter, tasks: [task.type], controllers: [OwnController] });
    const puppet = await task.start(app);
    await puppet.end();
    const { lastEventId } = await puppet.handle.snapshot();
    const url = new URL(puppet.url);
    const many = `${app.url}/events?task=${url.pathname.replace('/stream/', '')}`;
    const seen = (await (await watch(many)).nextEvents(2)).at(-1)!.id!;
    for (const [method, asked, id] of [
      ['GET', puppet.url, lastEventId],
      ['HEAD', puppet.url, lastEventId],
      ['GET', many, seen],
    ] as const) {
      const { status, headers } = await call(method, asked, { headers: { 'last-event-id': id ?? '' } });
      expect(status).toBe(204);
      expect(headers).not.toHaveProperty('etag');
      // Without a word about it caches may keep one.
      expect(headers['cache-control']).toBe('no-store');
    }
    for (const other of [`${app.origin}/own`, `${puppet.url}/status`]) {
      const { headers } = await call('GET', other);
      expect(headers.etag !== undefined).toBe(adapter === 'express');
    }
  });

  it('S36 it comes before whatever is wrong with the query', async () => {
    const task = new PuppetTask();
    const app = await createTaskApp({ adapter, tasks: [task.type] });
    const puppet = await task.start(app);
    await puppet.end();
    const { lastEventId } = await puppet.handle.snapshot();
    const url = `${puppet.url}?from=bogus`;
    expect((await call('GET', url, { headers: { 'last-event-id': lastEventId! } })).status).toBe(204);
    expect((await call('GET', url)).status).toBe(400);
  });

  it('a global filter sees it as an exception of that status', async () => {
    const seen: unknown[] = [];
    /** As Nest's documentation has one for everything. */
    @Catch()
    class Everything implements ExceptionFilter {
      constructor(private readonly http: AbstractHttpAdapter) {}

      catch(exception: HttpException, host: ArgumentsHost): void {
        seen.push(exception.getStatus());
        this.http.reply(host.switchToHttp().getResponse(), '', exception.getStatus());
      }
    }
    const task = new PuppetTask();
    const app = await createTaskApp({
      adapter,
      tasks: [task.type],
      configure: (nest) =>
        nest.useGlobalFilters(new Everything(nest.getHttpAdapter() as AbstractHttpAdapter)),
    });
    const puppet = await task.start(app);
    await puppet.end();
    const { lastEventId } = await puppet.handle.snapshot();
    expect((await call('GET', puppet.url, { headers: { 'last-event-id': lastEventId! } })).status).toBe(204);
    expect(seen).toEqual([204]);
  });
});

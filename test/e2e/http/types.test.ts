import { describe, expect, it } from '@jest/globals';
import type { CanActivate } from '@nestjs/common';
import { toStandardJsonSchema } from '@valibot/to-json-schema';
import { IsString } from 'class-validator';
import * as v from 'valibot';
import { z } from 'zod';
import { createTaskApp, handlerTask } from '../../support/app.js';
import { call } from '../../support/clients/http-client.js';
import { adapters } from '../../support/watching.js';

class Dto {
  @IsString()
  path!: string;
}

const task = (name: string, input?: Parameters<typeof handlerTask>[1]) =>
  handlerTask(() => 1, { name, ...input });
const unknown = { result: null, events: null, state: null };

describe.each(adapters)('GET /stream/types (%s)', (adapter) => {
  it('is not there without http.types', async () => {
    const { url } = await createTaskApp({ adapter, tasks: [task('one')], options: { http: { list: true } } });
    expect(await call('GET', `${url}/types`)).toMatchObject({ status: 404 });
  });

  it('has each task type, and what it takes before defaults and transforms, in draft 7', async () => {
    const { url } = await createTaskApp({
      adapter,
      options: { http: { types: true } },
      tasks: [
        task('zod', {
          input: z.object({ at: z.string().transform((text) => new Date(text)), copies: z.int().default(1) }),
        }),
        task('valibot', { input: toStandardJsonSchema(v.object({ path: v.string() })) }),
        task('dto', { input: Dto }),
        task('any'),
      ],
    });
    const { status, headers, body } = await call('GET', `${url}/types`);
    expect([status, headers['cache-control']]).toEqual([200, 'no-store']);
    expect(body).toEqual({
      tasks: [
        { app: 'test', name: 'any', input: null, ...unknown },
        { app: 'test', name: 'dto', input: null, ...unknown },
        {
          app: 'test',
          name: 'valibot',
          input: expect.objectContaining({ required: ['path'], properties: { path: { type: 'string' } } }),
          ...unknown,
        },
        {
          app: 'test',
          name: 'zod',
          input: expect.objectContaining({
            $schema: 'http://json-schema.org/draft-07/schema#',
            type: 'object',
            required: ['at'],
            properties: { at: { type: 'string' }, copies: expect.objectContaining({ default: 1 }) },
          }),
          ...unknown,
        },
      ],
    });
  });

  it('is behind the guards', async () => {
    const guard: CanActivate = { canActivate: () => false };
    const { url } = await createTaskApp({
      adapter,
      tasks: [task('one')],
      options: { http: { types: true, guards: [guard] } },
    });
    expect(await call('GET', `${url}/types`)).toMatchObject({ status: 403 });
  });
});

import { describe, expect, test } from '@jest/globals';
import { Body, Controller, type INestApplication, Module, Post, type Type } from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiUnauthorizedResponse } from '@nestjs/swagger';
import { type OpenApiDocument, StreamingModule } from 'nestjs-streaming';
import { openStream } from '../../support/clients/sse.js';
import { page } from '../support/documents.js';
import { Examples } from '../support/examples.js';
import { listenTo } from '../support/listen.js';

describe('the page on HTTP', () => {
  const examples = new Examples(page('http'));
  const load = <T>(file: string): Promise<T> => examples.load<T>(file);

  test('a controller that extends the base class', async () => {
    const { JobsModule } = await load<{ JobsModule: Type }>('jobs.module.ts');
    const origin = await listenTo(JobsModule);
    const created = await fetch(`${origin}/jobs/reports`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"month":"2026-11"}',
    });
    const { stream } = (await created.json()) as { stream: string };
    const events = await openStream(origin + stream);
    expect(await events.next('completed')).toMatchObject({
      data: { finalValue: { url: '/reports/2026-11.pdf' } },
    });
    await events.ended;
    expect(events.retry).toBe(2_000);
    expect((await fetch(`${origin}/stream/jobs/ReportTask/x`)).status).toBe(404);
  });

  test('the OpenAPI document has the routes, the inputs and the events', async () => {
    const { serveOpenApi } = await load<{ serveOpenApi(app: INestApplication): void }>('openapi.ts');
    const { ReportsModule } = await load<{ ReportsModule: Type }>('authorized.module.ts');
    const origin = await listenTo(ReportsModule, serveOpenApi);
    const document = (await (await fetch(`${origin}/openapi-json`)).json()) as OpenApiDocument;
    expect(document).toMatchObject({
      openapi: '3.2.0',
      paths: {
        '/stream/{app}/{name}/{id}': {
          get: {
            responses: { 200: { content: { 'text/event-stream': { itemSchema: expect.anything() } } } },
          },
          put: expect.anything(),
          delete: expect.anything(),
        },
      },
    });
  });

  test.each([true, false])(
    'security, answers of guards and the input of a route in the OpenAPI document (start: %s)',
    async (start) => {
      const { ResizeTask } = await load<{ ResizeTask: Type }>('resize.task.ts');
      const $ref = '#/components/schemas/app.ResizeTask.Input';
      expect(page('http').text).toContain(`@ApiBody({ schema: { $ref: '${$ref}' } })`);
      expect(page('http').text).toContain('decorators: [ApiBearerAuth(), ApiUnauthorizedResponse()]');

      @Controller('resizes')
      class ResizesController {
        @Post()
        @ApiBody({ schema: { $ref } })
        create(@Body() _input: object): void {}
      }
      @Module({
        imports: [
          StreamingModule.forRoot({
            http: { start, decorators: [ApiBearerAuth(), ApiUnauthorizedResponse()] },
          }),
        ],
        controllers: [ResizesController],
        providers: [ResizeTask],
      })
      class AppModule {}

      const { serveOpenApi } = await load<{ serveOpenApi(app: INestApplication): void }>('openapi.ts');
      const origin = await listenTo(AppModule, serveOpenApi);
      const document = (await (await fetch(`${origin}/openapi-json`)).json()) as OpenApiDocument;
      expect(document).toMatchObject({
        paths: {
          '/stream/{app}/{name}/{id}': {
            get: { security: [{ bearer: [] }], responses: { 401: expect.anything() } },
          },
          '/resizes': { post: { requestBody: { content: { 'application/json': { schema: { $ref } } } } } },
        },
      });
      const { schemas } = document.components as { schemas: Record<string, unknown> };
      const input = { title: 'Input of app/ResizeTask' };
      expect(schemas['app.ResizeTask.Input']).toEqual(start ? expect.objectContaining(input) : undefined);
    },
  );

  test('an interceptor that maps events', async () => {
    const { RedactedModule } = await load<{ RedactedModule: Type }>('redacted.module.ts');
    const origin = await listenTo(RedactedModule);
    const url = `${origin}/stream/redacted/ReportTask/x`;
    const headers = { 'content-type': 'application/json' };
    await fetch(url, { method: 'PUT', headers, body: '{"month":"2026-11"}' });
    const stream = await openStream(url);
    await stream.next('completed');
    const parts = stream.events.filter(({ type }) => type === 'part');
    expect(parts.map(({ data }) => data)).toEqual([1, 2, 3].map(() => ({ redacted: true })));
    await stream.close();
  });
});

import { describe, expect, it } from '@jest/globals';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ApiTags } from '@nestjs/swagger';
import { describeStreams, StreamingController, StreamingModule, StreamTask } from 'nestjs-streaming';
import { createTaskApp, handlerTask, type TaskAppOptions } from '../../support/app.js';
import { documentOf, faultsOf, openApiVersions, operationsOf } from './support/documents.js';

const everyRoute = { http: { start: true, list: true, types: true } };

async function appWith(options: TaskAppOptions = {}) {
  return createTaskApp({ listen: false, options: everyRoute, tasks: [handlerTask(() => 1)], ...options });
}

describe.each(['express', 'fastify'] as const)('the OpenAPI document on %s', (adapter) => {
  it.each(openApiVersions)('is valid by the schema of version %s', async (version) => {
    const { app } = await appWith({ adapter });
    const document = documentOf(app, version);
    expect(await faultsOf(document)).toBeUndefined();
    expect(await faultsOf(describeStreams(document))).toBeUndefined();
  });

  it('has a parameter for every part of every path', async () => {
    const { app } = await appWith({ adapter });
    for (const [route, { parameters }] of operationsOf(documentOf(app))) {
      const given = parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name);
      expect([route, given]).toEqual([route, [...route.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)]);
    }
  });
});

describe('the OpenAPI document', () => {
  it('names each route, its parameters and its statuses', async () => {
    const { app } = await appWith();
    const found = [...operationsOf(documentOf(app))].map(
      ([route, { operationId, parameters, responses }]) => [
        route,
        operationId,
        parameters.filter((parameter) => parameter.in !== 'path').map(({ name }) => name),
        Object.keys(responses).map(Number),
      ],
    );
    const ofStream = ['Last-Event-ID', 'lastEventId', 'from'];
    expect(Object.fromEntries(found.map(([route, ...rest]) => [route, rest]))).toEqual({
      'GET /stream/{app}/{name}/{id}': [
        'StreamingController_watch',
        ofStream,
        [200, 204, 400, 403, 404, 503],
      ],
      'GET /stream/events': [
        'StreamingController_watchAll',
        ['task', ...ofStream],
        [200, 204, 400, 403, 404, 503],
      ],
      'GET /stream/{app}/{name}/{id}/status': ['StreamingController_status', [], [200, 400, 403, 404, 503]],
      'DELETE /stream/{app}/{name}/{id}': [
        'StreamingController_cancelTask',
        ['detail', 'wait', 'If-Match'],
        [200, 202, 400, 403, 404, 409, 503],
      ],
      'POST /stream/{app}/{name}/{id}/signals/{signal}': [
        'StreamingController_signal',
        [],
        [202, 400, 403, 404, 409, 413, 415, 429, 503],
      ],
      'POST /stream/{app}/{name}': [
        'StreamingController_startTask',
        [],
        [201, 400, 403, 404, 413, 415, 429, 503],
      ],
      'PUT /stream/{app}/{name}/{id}': [
        'StreamingController_startTaskWithId',
        [],
        [200, 201, 400, 403, 404, 413, 415, 429, 503],
      ],
      'GET /stream': [
        'StreamingController_listTasks',
        ['status', 'app', 'name', 'limit', 'cursor'],
        [200, 400, 503],
      ],
      'GET /stream/types': ['StreamingController_listTypes', [], [200]],
    });
  });

  it('has no route that is switched off', async () => {
    const { app } = await appWith({ options: {} });
    const routes = [...operationsOf(documentOf(app)).keys()];
    expect(routes).toHaveLength(5);
    expect(
      routes.filter(
        (route) => /^(PUT|POST [^ ]*\{name\}$)/.test(route) || /^GET \/stream(\/types)?$/.test(route),
      ),
    ).toEqual([]);
  });

  it('describes the routes where they stand, with a prefix and a path of their own', async () => {
    const { app } = await appWith({
      options: { http: { path: 'jobs' } },
      configure: (created) => created.setGlobalPrefix('api'),
    });
    expect(Object.keys(documentOf(app).paths)).toContain('/api/jobs/{app}/{name}/{id}');
  });

  it('is tagged by the controller, or as the application says', async () => {
    const tagsOf = async (http: object) => {
      const { app } = await appWith({ options: { http } });
      return operationsOf(documentOf(app)).get('GET /stream/events')?.tags;
    };
    expect(await tagsOf({})).toEqual(['Streaming']);
    expect(await tagsOf({ decorators: [ApiTags('tasks')] })).toEqual(['tasks']);
  });

  it('describes the routes of a controller that extends StreamingController', async () => {
    @Controller('jobs')
    class JobsController extends StreamingController {}
    const { app } = await appWith({
      controllers: [JobsController],
      options: { http: { controller: false } },
    });
    const document = documentOf(app, '3.2.0');
    const watch = operationsOf(document).get('GET /jobs/{app}/{name}/{id}');
    expect(watch).toMatchObject({ operationId: 'JobsController_watch', tags: ['Jobs'] });
    expect(Object.keys(watch?.responses ?? {})).toEqual(['200', '204', '400', '403', '404', '503']);
    expect(await faultsOf(document)).toBeUndefined();
  });

  it('can be made before the application has started, as most main.ts do', async () => {
    @StreamTask({ name: 'Report' })
    class Report {
      process(): number {
        return 1;
      }
    }
    @Module({ imports: [StreamingModule.forRoot(everyRoute)], providers: [Report] })
    class AppModule {}
    const app = await NestFactory.create(AppModule, { logger: false });
    const early = documentOf(app);
    await app.init();
    const late = documentOf(app);
    await app.close();
    expect(early).toEqual(late);
  });

  it('is the same whichever version was made before', async () => {
    const { app } = await appWith();
    const first = openApiVersions.map((version) => JSON.stringify(documentOf(app, version)));
    const again = openApiVersions.map((version) => JSON.stringify(documentOf(app, version)));
    expect(again).toEqual(first);
  });
});

describe('describeStreams()', () => {
  it('says in version 3.2 what one event is, of one task and of many', async () => {
    const { app } = await appWith();
    const operations = operationsOf(describeStreams(documentOf(app, '3.2.0')));
    for (const route of ['GET /stream/{app}/{name}/{id}', 'GET /stream/events']) {
      expect(operations.get(route)?.responses['200']?.content).toEqual({
        'text/event-stream': { itemSchema: expect.objectContaining({ required: ['event', 'data', 'id'] }) },
      });
    }
  });

  it.each(['3.0.0', '3.1.1'])('leaves a document of version %s as it is', async (version) => {
    const { app } = await appWith();
    expect(describeStreams(documentOf(app, version))).toEqual(documentOf(app, version));
  });
});

import { describe, expect, it } from '@jest/globals';
import {
  type ArgumentsHost,
  type CanActivate,
  Catch,
  Controller,
  type ExceptionFilter,
  ForbiddenException,
  type HttpException,
  type NestInterceptor,
  NotFoundException,
  type PipeTransform,
  UseGuards,
} from '@nestjs/common';
import { type AuthorizeRequest, StreamingController, type TaskAuthorizer } from 'nestjs-streaming';
import { call } from '../support/clients/http-client.js';
import {
  adapters,
  createTaskApp,
  PuppetTask,
  type TaskApp,
  type TaskAppOptions,
  watch,
} from '../support/watching.js';

interface Request {
  readonly headers: Readonly<Record<string, string>>;
}

describe.each(adapters)('what caches may keep (%s)', (adapter) => {
  const serve = async (
    options: TaskAppOptions['options'] = {},
    more: TaskAppOptions = {},
  ): Promise<{ task: PuppetTask; app: TaskApp }> => {
    const task = new PuppetTask({ concurrency: 1, maxPending: 1 });
    const http = { start: true, list: true, ...options.http };
    return {
      task,
      app: await createTaskApp({ adapter, tasks: [task.type], ...more, options: { ...options, http } }),
    };
  };
  const expectNotStored = async (
    method: string,
    url: string,
    status: number,
    options: Parameters<typeof call>[2] = {},
  ): Promise<void> => {
    const answer = await call(method, url, options);
    expect([method, url, answer.status, answer.headers['cache-control']]).toEqual([
      method,
      url,
      status,
      'no-store',
    ]);
  };

  it('is no answer of any route, whatever its status', async () => {
    const { task, app } = await serve({ http: { maxStreams: 0 } });
    const url = `${app.url}/test/${task.name}`;
    await expectNotStored('POST', url, 201, { json: {} });
    await expectNotStored('PUT', `${url}/x`, 201, { json: {} });
    await expectNotStored('PUT', `${url}/x`, 200, { json: {} });
    await expectNotStored('POST', url, 429, { json: {} });
    await expectNotStored('POST', url, 415, { body: '{}', headers: { 'content-type': 'text/plain' } });
    await expectNotStored('GET', app.url, 200);
    await expectNotStored('GET', `${app.url}?limit=0`, 400);
    await expectNotStored('GET', `${url}/x/status`, 200);
    await expectNotStored('HEAD', `${url}/x/status`, 200);
    await expectNotStored('GET', `${url}/later/status`, 404);
    await expectNotStored('GET', `${url}/later`, 404, { headers: { accept: 'text/event-stream' } });
    await expectNotStored('GET', `${url}/a%20b`, 400);
    await expectNotStored('GET', `${url}/x`, 503);
    await expectNotStored('GET', `${app.url}/events?task=test/${task.name}/later`, 404);
    await expectNotStored('POST', `${url}/x/signals/go`, 202);
    await expectNotStored('DELETE', `${url}/x?wait=5000`, 200);
    await expectNotStored('DELETE', `${url}/x`, 409);
    const { lastEventId } = (await app.coordinator.list()).items.find(({ id }) => id === 'x')!;
    await expectNotStored('GET', `${url}/x?lastEventId=${lastEventId}`, 204);
  });

  it('is not a stream either, which says so in its own words', async () => {
    const { task, app } = await serve();
    const puppet = await task.start(app);
    const stream = await watch(puppet.url);
    expect(stream.headers['cache-control']).toMatch(/no-store.*no-transform/);
    expect((await call('HEAD', puppet.url)).headers['cache-control']).toMatch(/no-store/);
  });

  it('is no answer of an authorizer, a guard, an interceptor or a pipe', async () => {
    class Authorizer implements TaskAuthorizer<Request> {
      authorize({ request }: AuthorizeRequest<Request>): boolean | 'hide' {
        if (request.headers['x-no'] === 'error') throw new Error('no answer');
        return request.headers['x-no'] === 'hide' ? 'hide' : request.headers['x-no'] !== 'forbid';
      }
    }
    const guard: CanActivate = {
      canActivate(context) {
        const { headers } = context.switchToHttp().getRequest<Request>();
        if (headers['x-no'] === 'guard-hides') throw new NotFoundException();
        return headers['x-no'] !== 'guard';
      },
    };
    const interceptor: NestInterceptor = {
      intercept(context, next) {
        const { headers } = context.switchToHttp().getRequest<Request>();
        if (headers['x-no'] === 'interceptor') throw new NotFoundException();
        return next.handle();
      },
    };
    const pipe: PipeTransform = {
      transform(value: unknown) {
        if (value === 'piped') throw new NotFoundException();
        return value;
      },
    };
    const { task, app } = await serve(
      { authorize: Authorizer, http: { guards: [guard], interceptors: [interceptor] } },
      { configure: (nest) => nest.useGlobalPipes(pipe) },
    );
    const puppet = await task.start(app);
    for (const [no, status] of [
      ['error', 500],
      ['forbid', 403],
      ['hide', 404],
      ['guard', 403],
      ['guard-hides', 404],
      ['interceptor', 404],
    ] as const) {
      for (const url of [`${puppet.url}/status`, puppet.url]) {
        await expectNotStored('GET', url, status, { headers: { 'x-no': no } });
      }
    }
    await expectNotStored('GET', task.urlOf(app, 'piped'), 404);
  });

  it('is no answer of a controller of the application’s own, its guards included', async () => {
    @Controller('jobs')
    @UseGuards({
      canActivate() {
        throw new ForbiddenException();
      },
    })
    class JobsController extends StreamingController {}
    const { task, app } = await serve({}, { controllers: [JobsController] });
    await expectNotStored('GET', `${app.origin}/jobs/test/${task.name}/x/status`, 403);
  });

  it('a filter of the application’s own answers as it likes, and its other routes are left alone', async () => {
    @Catch(NotFoundException)
    class Filter implements ExceptionFilter<HttpException> {
      catch(_error: HttpException, host: ArgumentsHost): void {
        const response = host.switchToHttp().getResponse<{
          header(name: string, value: string): void;
          status(code: number): { send(body: unknown): void };
        }>();
        response.header('Cache-Control', 'max-age=7');
        response.status(404).send({ mine: true });
      }
    }
    @Catch()
    class Other implements ExceptionFilter<HttpException> {
      catch(error: HttpException, host: ArgumentsHost): void {
        const response = host.switchToHttp().getResponse<{
          status(code: number): { send(body: unknown): void };
        }>();
        response.status(error.getStatus()).send({ code: (error as { code?: unknown }).code });
      }
    }
    const { task, app } = await serve(
      {},
      { configure: (nest) => nest.useGlobalFilters(new Other(), new Filter()) },
    );
    expect((await call('GET', `${app.origin}/elsewhere`)).headers['cache-control']).toBe('max-age=7');
    await expectNotStored('GET', task.urlOf(app, 'a%20b'), 400);
    expect((await call('GET', task.urlOf(app, 'a%20b'))).body).toEqual({ code: 'INVALID_TASK_ID' });
  });
});

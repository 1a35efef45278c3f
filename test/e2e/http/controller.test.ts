import { describe, expect, it } from '@jest/globals';
import {
  type CanActivate,
  Controller,
  type ExecutionContext,
  Injectable,
  type NestInterceptor,
  SetMetadata,
  UseGuards,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { IncomingMessage } from 'node:http';
import { type AuthorizeRequest, StreamingController, type TaskAuthorizer } from 'nestjs-streaming';
import { call } from '../../support/clients/http-client.js';
import { adapters, createTaskApp, PuppetTask, resumeAfter, watch } from '../../support/watching.js';

type Request = Pick<IncomingMessage, 'headers'>;

describe.each(adapters)('the controller (%s)', (adapter) => {
  describe('the order of checks', () => {
    it('is guards, id, task, authorizer, terminal 204, limits', async () => {
      @Injectable()
      class Guard implements CanActivate {
        canActivate(context: ExecutionContext): boolean {
          return context.switchToHttp().getRequest<Request>().headers['x-guard'] !== 'no';
        }
      }
      @Injectable()
      class Authorizer implements TaskAuthorizer<Request> {
        authorize({ request }: AuthorizeRequest<Request>): boolean {
          return request.headers['x-authorize'] !== 'no';
        }
      }
      const task = new PuppetTask();
      const app = await createTaskApp({
        adapter,
        tasks: [task.type],
        options: { authorize: Authorizer, http: { guards: [Guard], maxStreams: 0 } },
      });
      const puppet = await task.start(app);
      await puppet.end();
      const { lastEventId } = await puppet.handle.snapshot();
      const ask = async (url: string, headers: Record<string, string> = {}): Promise<unknown> => {
        const { status, body } = await call('GET', url, { headers: { accept: '*/*', ...headers } });
        return [status, (body as { code?: string } | undefined)?.code];
      };
      const guarded = { 'x-guard': 'no' };
      const refused = { 'x-authorize': 'no' };
      const seen = { 'last-event-id': lastEventId ?? '' };
      const bad = task.urlOf(app, 'a%20b');
      const none = task.urlOf(app, 'none');
      expect(await ask(bad, { ...guarded, ...refused })).toEqual([403, undefined]);
      expect(await ask(bad, refused)).toEqual([400, 'INVALID_TASK_ID']);
      expect(await ask(none, refused)).toEqual([404, 'TASK_NOT_FOUND']);
      expect(await ask(puppet.url, { ...seen, ...refused })).toEqual([403, 'FORBIDDEN']);
      expect(await ask(puppet.url, seen)).toEqual([204, undefined]);
      expect(await ask(puppet.url)).toEqual([503, 'TOO_MANY_STREAMS']);
    });
  });

  it('guards, interceptors and decorators apply to the built-in controller', async () => {
    const Role = (role: string): ClassDecorator & MethodDecorator => SetMetadata('role', role);
    @Injectable()
    class RoleGuard implements CanActivate {
      constructor(private readonly reflector: Reflector) {}
      canActivate(context: ExecutionContext): boolean {
        const role = this.reflector.get<string>('role', context.getClass());
        return context.switchToHttp().getRequest<Request>().headers['x-role'] === role;
      }
    }
    const intercepted: string[] = [];
    const interceptor: NestInterceptor = {
      intercept(context, next) {
        intercepted.push(context.getHandler().name);
        return next.handle();
      },
    };
    const task = new PuppetTask();
    const app = await createTaskApp({
      adapter,
      tasks: [task.type],
      options: {
        http: {
          guards: [RoleGuard],
          interceptors: [interceptor],
          decorators: [Role('operator')],
          list: true,
        },
      },
    });
    const puppet = await task.start(app);
    const refused = await call('GET', `${puppet.url}/status`);
    expect(refused.status).toBe(403);
    // A user's own guard answers as Nest does.
    expect(refused.body).toEqual({ statusCode: 403, message: 'Forbidden resource', error: 'Forbidden' });
    expect(intercepted).toEqual([]);
    const headers = { 'x-role': 'operator' };
    expect((await call('GET', `${puppet.url}/status`, { headers })).status).toBe(200);
    expect((await call('GET', app.url, { headers })).status).toBe(200);
    const stream = await watch(puppet.url, { headers });
    await puppet.end();
    await stream.ended;
    expect(stream.events.map(({ type }) => type)).toEqual(['started', 'completed']);
    expect(intercepted).toHaveLength(3);
  });

  describe('a subclass of StreamingController', () => {
    @Injectable()
    class SessionGuard implements CanActivate {
      canActivate(context: ExecutionContext): boolean {
        return context.switchToHttp().getRequest<Request>().headers['x-session'] === 'yes';
      }
    }
    @Controller('jobs')
    @UseGuards(SessionGuard)
    class JobsController extends StreamingController {}
    const headers = { 'x-session': 'yes' };

    it.each([false, { list: true }] as const)('has its own path and guard, with http: %j', async (http) => {
      const task = new PuppetTask();
      const app = await createTaskApp({
        adapter,
        tasks: [task.type],
        controllers: [JobsController],
        options: { http },
      });
      const puppet = await task.start(app);
      const url = puppet.url.replace('/stream/', '/jobs/');
      expect((await call('GET', `${url}/status`)).status).toBe(403);
      expect((await call('GET', `${puppet.url}/status`)).status).toBe(http ? 200 : 404);
      const stream = await watch(url, { headers });
      const { id = '' } = await stream.next('started');
      expect(stream.retry).toBe(2_000);
      expect((await call('GET', `${url}/status`, { headers })).body).toMatchObject({ watchers: 1 });
      expect((await call('POST', `${url}/signals/go`, { headers })).status).toBe(202);
      expect((await call('DELETE', url, { headers })).status).toBe(202);
      expect(await stream.ended).toBe('complete');
      const resumed = await watch(url, { headers: { ...headers, 'last-event-id': id } });
      expect((await resumed.next()).type).toBe('cancelled');
      const over = stream.lastEventId ?? '';
      expect((await watch(url, { headers: { ...headers, 'last-event-id': over } })).status).toBe(204);
    });
  });

  it('http: false adds no controller', async () => {
    const task = new PuppetTask();
    const app = await createTaskApp({ adapter, tasks: [task.type], options: { http: false } });
    const puppet = await task.start(app);
    for (const [method, rest] of [
      ['GET', ''],
      ['DELETE', ''],
      ['GET', '/status'],
      ['POST', '/signals/go'],
    ] as const) {
      const { status, body } = await call(method, puppet.url + rest);
      expect([status, (body as { code?: string }).code]).toEqual([404, undefined]);
    }
    expect(puppet.context.cancelled).toBe(false);
  });

  it('path and a global prefix move the routes, and Location with them', async () => {
    const task = new PuppetTask();
    const app = await createTaskApp({
      adapter,
      tasks: [task.type],
      options: { http: { path: 'live/tasks', start: true } },
      configure: (nest) => nest.setGlobalPrefix('api'),
    });
    const url = `${app.origin}/api/live/tasks/test/${task.name}`;
    const posted = await call('POST', url, { json: {} });
    const { id } = posted.body as { id: string };
    expect(posted.headers.location).toBe(`/api/live/tasks/test/${task.name}/${id}`);
    const put = await call('PUT', `${url}/x?y=1`, { json: {} });
    expect(put.headers.location).toBe(`/api/live/tasks/test/${task.name}/x`);
    const stream = await watch(`${url}/x`);
    expect((await stream.next('started')).type).toBe('started');
    expect((await resumeAfter(`${app.url}/test/${task.name}/x`, '')).status).toBe(404);
  });

  it('routes that are switched off do not exist', async () => {
    const task = new PuppetTask();
    const app = await createTaskApp({ adapter, tasks: [task.type] });
    const puppet = await task.start(app, { id: 'there' });
    for (const [method, url] of [
      ['GET', app.url],
      ['POST', `${app.url}/test/${task.name}`],
      ['PUT', puppet.url],
      ['PUT', task.urlOf(app, 'new')],
    ] as const) {
      const { status, body } = await call(method, url, { json: method === 'GET' ? undefined : {} });
      expect([status, (body as { code?: string }).code]).toEqual([404, undefined]);
    }
    expect((await app.coordinator.list()).items).toHaveLength(1);
  });
});

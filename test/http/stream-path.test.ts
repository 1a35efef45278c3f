import { describe, expect, it } from '@jest/globals';
import { Controller, type INestApplication, Module, RequestMethod, VersioningType } from '@nestjs/common';
import { RouterModule } from '@nestjs/core';
import { StreamingController, StreamingHttpService, type StreamPathOptions } from 'nestjs-streaming';
import { call } from '../support/clients/http-client.js';
import {
  adapters,
  createTaskApp,
  type Puppet,
  PuppetTask,
  type TaskApp,
  type TaskAppOptions,
} from '../support/watching.js';

@Controller('jobs')
class JobsController extends StreamingController {}

@Controller({ path: 'other', version: '2' })
class OtherController extends StreamingController {}

@Module({ controllers: [JobsController] })
class JobsModule {}

describe.each(adapters)('streamPath() (%s)', (adapter) => {
  const serve = async (options: TaskAppOptions = {}): Promise<[TaskApp, Puppet]> => {
    const task = new PuppetTask({ name: 'Task' });
    const app = await createTaskApp({ adapter, tasks: [task.type], ...options });
    return [app, await task.start(app, { id: 'a~1' })];
  };
  /** The path that is told: there the task is. */
  const pathIn = async (
    options: TaskAppOptions,
    which?: StreamPathOptions,
    headers: Record<string, string> = {},
  ): Promise<string> => {
    const [app, puppet] = await serve(options);
    const path = app.app.get(StreamingHttpService).streamPath(puppet.handle.ref, which);
    const { status, body } = await call('GET', `${app.origin}${path}/status`, { headers });
    expect({ path, status, body }).toMatchObject({ path, status: 200, body: { id: 'a~1' } });
    return path;
  };
  const configure = (body: (app: INestApplication) => unknown): TaskAppOptions => ({ configure: body });

  it('is that of the routes', async () => {
    expect(await pathIn({})).toBe('/stream/test/Task/a~1');
    expect(await pathIn({ options: { http: { path: 'live/tasks' } } })).toBe('/live/tasks/test/Task/a~1');
  });

  it('has the global prefix, where the route is not excluded from it', async () => {
    expect(await pathIn(configure((app) => app.setGlobalPrefix('/api/')))).toBe('/api/stream/test/Task/a~1');
    const exclude = [{ path: 'stream/{*path}', method: RequestMethod.ALL }];
    expect(await pathIn(configure((app) => app.setGlobalPrefix('api', { exclude })))).toBe(
      '/stream/test/Task/a~1',
    );
    const other = ['health'];
    expect(await pathIn(configure((app) => app.setGlobalPrefix('api', { exclude: other })))).toBe(
      '/api/stream/test/Task/a~1',
    );
  });

  it('has the version of URI versioning, and none of another kind', async () => {
    const uri = { type: VersioningType.URI } as const;
    expect(await pathIn(configure((app) => app.enableVersioning(uri)))).toBe('/stream/test/Task/a~1');
    expect(
      await pathIn(
        configure((app) =>
          app.setGlobalPrefix('api').enableVersioning({ ...uri, defaultVersion: ['3', '4'] }),
        ),
      ),
    ).toBe('/api/v3/stream/test/Task/a~1');
    expect(
      await pathIn(
        configure((app) => app.enableVersioning({ ...uri, defaultVersion: '1', prefix: 'version-' })),
      ),
    ).toBe('/version-1/stream/test/Task/a~1');
    const header = { type: VersioningType.HEADER, header: 'x-version', defaultVersion: '1' } as const;
    expect(
      await pathIn(
        configure((app) => app.enableVersioning(header)),
        {},
        { 'x-version': '1' },
      ),
    ).toBe('/stream/test/Task/a~1');
  });

  it('has the parameters of a prefix as they are given, escaped', async () => {
    const prefixed = configure((app) => app.setGlobalPrefix(':tenant/app-:area'));
    expect(await pathIn(prefixed, { params: { tenant: 'ü/b', area: 'x', id: 'ignored' } })).toBe(
      '/%C3%BC%2Fb/app-x/stream/test/Task/a~1',
    );
    const [app, puppet] = await serve(prefixed);
    expect(() => app.app.get(StreamingHttpService).streamPath(puppet.handle.ref)).toThrow(
      'The path of streams is /:tenant/app-:area/stream/:app/:name/:id: give streamPath() { params: { tenant: … } }',
    );
  });

  it('is that of a controller of the application’s own, in its module and version', async () => {
    const own: TaskAppOptions = { controllers: [OtherController, JobsController] };
    expect(await pathIn(own)).toBe('/stream/test/Task/a~1');
    expect(await pathIn(own, { controller: JobsController })).toBe('/jobs/test/Task/a~1');
    expect(
      await pathIn(
        { ...own, ...configure((app) => app.enableVersioning({ type: VersioningType.URI })) },
        { controller: OtherController },
      ),
    ).toBe('/v2/other/test/Task/a~1');
    expect(
      await pathIn({
        imports: [JobsModule, RouterModule.register([{ path: 'inner', module: JobsModule }])],
        options: { http: false },
        ...configure((app) => app.setGlobalPrefix('api')),
      }),
    ).toBe('/api/inner/jobs/test/Task/a~1');
  });

  it('is an error where there is no controller, several, or one that no module has', async () => {
    const streamPath = async (options: TaskAppOptions, which?: StreamPathOptions): Promise<() => string> => {
      const [app, puppet] = await serve(options);
      return () => app.app.get(StreamingHttpService).streamPath(puppet.handle.ref, which);
    };
    const http = false;
    expect(await streamPath({ options: { http } })).toThrow('there are no streams over HTTP');
    const controllers = [JobsController, OtherController];
    expect(await streamPath({ options: { http }, controllers })).toThrow(
      'there are several controllers, JobsController, OtherController: give it { controller }',
    );
    expect(await streamPath({}, { controller: JobsController })).toThrow(
      'JobsController is no StreamingController that a module of the application declares',
    );
    const [app] = await serve();
    const service = app.app.get(StreamingHttpService);
    expect(() => service.streamPath({ app: 'test', name: 'Task', id: 'a/b' })).toThrow(
      'Invalid task id "a/b"',
    );
  });
});

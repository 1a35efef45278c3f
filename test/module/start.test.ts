import { describe, expect, test } from '@jest/globals';
import {
  type CallHandler,
  type CanActivate,
  type DynamicModule,
  type ExecutionContext,
  Injectable,
  Module,
  type NestInterceptor,
  ValidationPipe,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  CoordinatorService,
  type HttpOptions,
  InvalidOptionsError,
  StreamingModule,
  type StreamingModuleOptions,
  type TaskAuthorizer,
  type TaskContext,
} from 'nestjs-streaming';
import { resolveOptions } from '../../lib/resolve-options.js';
import { createTaskApp, handlerTask } from '../support/app.js';
import { openStream } from '../support/clients/sse.js';
import { optionsOf } from './support.js';

describe('an application with wrong options does not start', () => {
  test.each([
    ['forRoot', { options: { tasks: { grace: -1 } } }, 'Wrong option "tasks.grace"'],
    ['http', { options: { http: { retry: '1\n2' } } }, 'Wrong option "http.retry"'],
    ['http of the wrong kind', { options: { http: { guards: 'none' } } }, 'Wrong option "http.guards"'],
    ['an unknown key of http', { options: { http: { pth: 'x' } } }, 'did you mean "path"?'],
  ])('%s', async (_, given, message) => {
    await expect(createTaskApp({ ...(given as object), listen: false })).rejects.toThrow(message);
  });

  test('@StreamTask()', async () => {
    const Task = handlerTask(() => null, { name: 'x', concurrency: -1 });
    await expect(createTaskApp({ tasks: [Task], listen: false })).rejects.toThrow(
      'Wrong option "concurrency" in @StreamTask() of FunctionHandler',
    );
  });

  test('an authorizer that injects what nobody provides', async () => {
    @Injectable()
    class Nowhere {}
    @Injectable()
    class Authorizer implements TaskAuthorizer {
      constructor(readonly nowhere: Nowhere) {}
      authorize(): boolean {
        return true;
      }
    }
    await expect(createTaskApp({ options: { authorize: Authorizer }, listen: false })).rejects.toThrow(
      "Nest can't resolve dependencies of the Authorizer",
    );
  });
});

@Injectable()
class Settings {
  readonly grace: number = 77;

  createStreamingOptions(): StreamingModuleOptions {
    return { tasks: { grace: this.grace } };
  }
}

@Module({ providers: [Settings], exports: [Settings] })
class SettingsModule {}

describe('imports', () => {
  @Injectable()
  class Guard implements CanActivate {
    constructor(private readonly settings: Settings) {}
    canActivate(): boolean {
      return this.settings.grace === 77;
    }
  }

  @Injectable()
  class Interceptor extends Guard implements NestInterceptor {
    intercept(context: ExecutionContext, next: CallHandler) {
      const response = context.switchToHttp().getResponse<{ setHeader(name: string, value: string): void }>();
      response.setHeader('x-settings', String(this.canActivate()));
      return next.handle();
    }
  }

  @Injectable()
  class Authorizer extends Guard implements TaskAuthorizer {
    authorize(): boolean {
      return this.canActivate();
    }
  }

  const http = { guards: [Guard], interceptors: [Interceptor] };
  const imports = [SettingsModule];

  test.each([
    ['forRoot', () => StreamingModule.forRoot({ imports, http, authorize: Authorizer })],
    [
      'forRootAsync',
      () => StreamingModule.forRootAsync({ imports, http, useFactory: () => ({ authorize: Authorizer }) }),
    ],
  ])('of %s hold what guards, interceptors and the authorizer inject', async (_, streaming) => {
    const Task = handlerTask((task) => task.sleep(60_000), { name: 'x' });
    const { url, coordinator } = await createTaskApp({ tasks: [Task], streaming: streaming() });
    await coordinator.start(Task, {}, { id: '1' });
    const response = await fetch(`${url}/test/x/1/status`);
    expect(response.status).toBe(200);
    expect(response.headers.get('x-settings')).toBe('true');
  });

  test('that are no array stop the start', async () => {
    await expect(
      createTaskApp({ options: { imports: SettingsModule } as object, listen: false }),
    ).rejects.toThrow(
      'Wrong option "imports" in StreamingModule.forRoot(): expected an array, got a function',
    );
    expect(() =>
      StreamingModule.forRootAsync({ imports: SettingsModule, useFactory: () => ({}) } as never),
    ).toThrow('Wrong option "imports" in StreamingModule.forRootAsync(): expected an array, got a function');
  });

  test('that a factory gives come too late, and stop the start', async () => {
    const streaming = StreamingModule.forRootAsync({ useFactory: () => ({ imports }) });
    await expect(createTaskApp({ streaming, listen: false })).rejects.toThrow(
      'Wrong option "imports" in StreamingModule.forRootAsync(): modules are imported before a factory runs; give it to forRootAsync({ imports })',
    );
  });
});

describe('forRootAsync', () => {
  async function graceOf(streaming: DynamicModule): Promise<unknown> {
    return (await optionsOf(streaming)).tasks.grace;
  }

  test('useFactory, with what it injects', async () => {
    const streaming = StreamingModule.forRootAsync({
      imports: [SettingsModule],
      inject: [Settings],
      useFactory: async ({ grace }: Settings) => ({ tasks: { grace: grace + 1 } }),
    });
    expect(await graceOf(streaming)).toBe(78);
  });

  test('useClass', async () => {
    expect(await graceOf(StreamingModule.forRootAsync({ useClass: Settings }))).toBe(77);
  });

  test('useExisting', async () => {
    const streaming = StreamingModule.forRootAsync({ imports: [SettingsModule], useExisting: Settings });
    expect(await graceOf(streaming)).toBe(77);
  });

  test('extraProviders', async () => {
    const streaming = StreamingModule.forRootAsync({
      extraProviders: [{ provide: 'GRACE', useValue: 5 }],
      inject: ['GRACE'],
      useFactory: (grace: number) => ({ tasks: { grace } }),
    });
    expect(await graceOf(streaming)).toBe(5);
  });

  test('http shapes the routes, and the factory gives the rest', async () => {
    const Count = handlerTask(async (task: TaskContext) => task.sleep(60_000), { app: 'a', name: 'b' });
    const { coordinator, origin } = await createTaskApp({
      tasks: [Count],
      streaming: StreamingModule.forRootAsync({
        http: { path: 'events', list: true },
        useFactory: () => ({ http: { retry: 123 } }),
      }),
    });
    await coordinator.start(Count, {}, { id: 'c' });
    await using stream = await openStream(`${origin}/events/a/b/c`);
    await stream.next('started');
    expect(stream.retry).toBe(123);
    expect((await fetch(`${origin}/events`)).status).toBe(200);
    expect((await fetch(`${origin}/stream/a/b/c/status`)).status).toBe(404);
  });

  test('http: false adds no routes', async () => {
    const { app, origin } = await createTaskApp({
      streaming: StreamingModule.forRootAsync({ http: false, useFactory: () => ({}) }),
    });
    expect(app.get(CoordinatorService)).toBeInstanceOf(CoordinatorService);
    expect((await fetch(`${origin}/stream/a/b/c/status`)).status).toBe(404);
    expect(await (await fetch(`${origin}/stream/a/b/c/status`)).json()).not.toHaveProperty('code');
  });

  test.each([
    [{ controller: false }, 'http.controller'],
    [{ path: 'x' }, 'http.path'],
    [{ start: true }, 'http.start'],
    [{ list: false }, 'http.list'],
    [{ types: true }, 'http.types'],
    [{ guards: [] }, 'http.guards'],
    [{ interceptors: [] }, 'http.interceptors'],
    [{ decorators: [] }, 'http.decorators'],
  ])('what a factory gives too late is refused: %j', async (http, name) => {
    const streaming = StreamingModule.forRootAsync({ useFactory: () => ({ http }) });
    await expect(createTaskApp({ streaming, listen: false })).rejects.toThrow(
      `Wrong option "${name}" in StreamingModule.forRootAsync(): routes are made before a factory runs; give it to forRootAsync({ http })`,
    );
  });

  test.each(['path', 'start', 'list', 'types', 'guards', 'interceptors', 'decorators'])(
    'controller: false with %s, which would be for nobody, stops the start',
    (name) => {
      const value = { path: 'x', start: true, list: true, types: true }[name] ?? [];
      expect(() => resolveOptions({}, { controller: false, [name]: value })).toThrow(
        `Wrong option "http.${name}" in StreamingModule.forRoot(): with "controller: false"`,
      );
    },
  );

  test.each([false as const, { controller: false }])(
    'http: %j: streams of ones own controller have the defaults',
    (http) => {
      expect(resolveOptions({}, http).http).toEqual({ ...resolveOptions().http, controller: false });
    },
  );

  test('http: false of a factory is refused', async () => {
    const streaming = StreamingModule.forRootAsync({ useFactory: () => ({ http: false as const }) });
    await expect(createTaskApp({ streaming, listen: false })).rejects.toThrow(
      'give "http: false" to forRootAsync()',
    );
  });

  test.each<[string, StreamingModuleOptions, string]>([
    ['a wrong option', { tasks: { grace: -1 } }, 'Wrong option "tasks.grace" in'],
    ['a wrong option of http', { http: { retry: -1 } }, 'Wrong option "http.retry" in'],
    ['an unknown option', { shutdwon: {} } as object, 'Unknown option "shutdwon" in'],
    [
      'an event that does not fit',
      { tasks: { maxEventBytes: 2 }, replay: { bytes: 1 } },
      'Wrong option "maxEventBytes" in',
    ],
    ['a principal without a limit', { http: { principal: () => 'x' } }, 'Wrong option "http.principal" in'],
    [
      'a limit without a principal',
      { http: { maxStreamsPerPrincipal: 1 } },
      'Wrong option "http.maxStreamsPerPrincipal" in',
    ],
  ])('%s of a factory is named, and who got it', async (_, options, message) => {
    const streaming = StreamingModule.forRootAsync({ useFactory: () => options });
    await expect(createTaskApp({ streaming, listen: false })).rejects.toThrow(
      `${message} StreamingModule.forRootAsync()`,
    );
  });

  test('so is one of its own http', async () => {
    const http = { pth: 'x' } as HttpOptions;
    const streaming = StreamingModule.forRootAsync({ http, useFactory: () => ({}) });
    await expect(createTaskApp({ streaming, listen: false })).rejects.toThrow(
      'Unknown option "http.pth" in StreamingModule.forRootAsync(); did you mean "path"?',
    );
  });

  test.each([
    [
      { useFactry: () => ({}) },
      'Unknown option "useFactry" in StreamingModule.forRootAsync(); did you mean "useFactory"?',
    ],
    [
      { useFactory: {} },
      'Wrong option "useFactory" in StreamingModule.forRootAsync(): expected a function, got an object',
    ],
    [undefined, 'Wrong options in StreamingModule.forRootAsync(): expected an object, got undefined'],
    [
      { inject: [Settings] },
      'Wrong options in StreamingModule.forRootAsync(): nothing makes them; give it "useFactory", "useClass" or "useExisting"',
    ],
  ])('forRootAsync(%j) is told at once', (given, message) => {
    expect(() => StreamingModule.forRootAsync(given as never)).toThrow(new InvalidOptionsError(message));
  });
});

test.each(['express', 'fastify'] as const)(
  'a global ValidationPipe makes Nest warn of nothing (%s)',
  async (adapter) => {
    const Task = handlerTask(() => null, { name: 'x' });
    const { logs, url } = await createTaskApp({
      adapter,
      tasks: [Task],
      options: { http: { start: true, list: true } },
      configure: (app) => app.useGlobalPipes(new ValidationPipe({ transform: true, whitelist: true })),
    });
    expect(logs.lines.filter(({ level }) => level === 'warn' || level === 'error')).toEqual([]);
    expect((await fetch(`${url}/test/x/1`, { method: 'PUT' })).status).toBe(201);
  },
);

test('a module that is imported twice stops the start: there would be two coordinators', async () => {
  @Module({ imports: [StreamingModule.forRoot({ http: { path: 'one' } })] })
  class FeatureModule {}

  @Module({ imports: [FeatureModule, StreamingModule.forRoot({ http: { path: 'two' } })] })
  class TwiceModule {}

  const starting = NestFactory.createApplicationContext(TwiceModule, { logger: false, abortOnError: false });
  await expect(starting).rejects.toThrow('StreamingModule is imported twice');
});

describe('a module that is imported without forRoot() stops the start, with what to write', () => {
  const message = 'StreamingModule is imported without options; import StreamingModule.forRoot() or';

  test('alone', async () => {
    @Module({ imports: [StreamingModule] })
    class BareModule {}

    const starting = NestFactory.createApplicationContext(BareModule, { logger: false, abortOnError: false });
    await expect(starting).rejects.toThrow(InvalidOptionsError);
    await expect(starting).rejects.toThrow(message);
  });

  test('beside one that is imported with it', async () => {
    @Module({ imports: [StreamingModule] })
    class FeatureModule {}

    await expect(createTaskApp({ imports: [FeatureModule], listen: false })).rejects.toThrow(message);
  });
});

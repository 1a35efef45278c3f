import { describe, expect, it } from '@jest/globals';
import {
  type CallHandler,
  type CanActivate,
  Controller,
  type DynamicModule,
  type ExecutionContext,
  forwardRef,
  Get,
  type INestApplication,
  Inject,
  Injectable,
  type MessageEvent,
  Module,
  type ModuleMetadata,
  type NestInterceptor,
  type Provider,
  Scope,
  Sse,
  SseSignal,
  type Type,
  UseGuards,
  UseInterceptors,
  ValidationPipe,
  VersioningType,
} from '@nestjs/common';
import {
  ApplicationConfig,
  DiscoveryModule,
  DiscoveryService,
  LazyModuleLoader,
  ModuleRef,
  ModulesContainer,
  NestFactory,
  RouterModule,
} from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import { NEVER, type Observable, of, Subject } from 'rxjs';
import {
  hasInterceptors,
  injectedTokensOf,
  instancesOf,
  type InstanceWrapper,
  isNestSseStream,
  isSingle,
  isUnknownDependency,
  lastToStart,
  moduleRefOf,
  type NestSseStream,
  onLazyLoad,
  releaseSettlement,
  replaceSse,
  routePathOf,
  type Sse as SseMethod,
  setSseController,
  sseControllerOf,
  validationOptionsOf,
} from '../../lib/internals/nest-internals.js';
import { closeLater } from '../support/clients/open-clients.js';
import { openStream } from '../support/clients/sse.js';
import { eventually } from '../support/wait.js';

/** An application of Nest alone, of one module. It is closed after the test. */
async function create(
  metadata: ModuleMetadata,
  { adapter, configure }: { adapter?: string; configure?: (app: INestApplication) => unknown } = {},
): Promise<{ app: INestApplication; origin: string; module: Type }> {
  @Module({ ...metadata, imports: [DiscoveryModule, ...(metadata.imports ?? [])] })
  class AppModule {}
  const options = { logger: false, abortOnError: false, forceCloseConnections: true } as const;
  const app =
    adapter === 'fastify'
      ? await NestFactory.create<INestApplication>(
          AppModule,
          new FastifyAdapter({ forceCloseConnections: true }),
          options,
        )
      : await NestFactory.create<INestApplication>(AppModule, options);
  configure?.(app);
  await app.listen(0, '127.0.0.1');
  closeLater(() => app.close());
  const { port } = (app.getHttpServer() as Server).address() as AddressInfo;
  return { app, origin: `http://127.0.0.1:${port}`, module: AppModule };
}

/** The providers of an application by their tokens, as Nest has them. */
async function wrappersOf(providers: Provider[]): Promise<(token: unknown) => InstanceWrapper> {
  const { app } = await create({ providers });
  const all = app.get(DiscoveryService).getProviders();
  return (token) => all.find((wrapper) => wrapper.token === token)!;
}

const adapters = ['express', 'fastify'];

/** What uses something of Nest that has no documentation: when this fails on a version of Nest, that has changed it. */
describe('what is private of Nest', () => {
  describe('of providers', () => {
    @Injectable()
    class Single {}
    @Injectable({ scope: Scope.TRANSIENT })
    class Transient {}
    @Injectable({ scope: Scope.REQUEST })
    class PerRequest {}
    @Injectable()
    class UsesPerRequest {
      constructor(readonly dependency: PerRequest) {}
    }
    @Injectable()
    class First {
      constructor(readonly dependency: Transient) {}
    }
    @Injectable()
    class Second extends First {}
    @Injectable({ scope: Scope.TRANSIENT })
    class TransientPerRequest extends UsesPerRequest {}
    @Injectable()
    class Third {
      constructor(readonly dependency: TransientPerRequest) {}
    }

    it('and modules: which one has the last hook at the start', async () => {
      const hooks: string[] = [];
      const noting = (name: string) =>
        class {
          onModuleInit(): void {
            hooks.push(`init ${name}`);
          }
          onApplicationBootstrap(): void {
            hooks.push(name);
          }
        };
      const inner = noting('inner');
      Module({ providers: [{ provide: 'hooked', useClass: noting('provider of the inner') }] })(inner);
      const outer = noting('outer');
      Module({ imports: [inner] })(outer);
      const lazy = noting('lazy');
      Module({})(lazy);
      const { app, module } = await create({
        imports: [{ module: inner, global: true }, outer],
        providers: [
          {
            provide: 'loading',
            inject: [LazyModuleLoader],
            useFactory: (loader: LazyModuleLoader) => ({ onModuleInit: () => loader.load(() => lazy) }),
          },
        ],
      });
      const modules = app.get(ModulesContainer);
      expect([...modules.values()].some(({ metatype }) => metatype === lazy)).toBe(true);
      expect(lastToStart(modules.values())).toBeInstanceOf(module);
      expect(hooks.at(-1)).toBe('outer');
    });

    it('which have one instance, and which several that were made at start', async () => {
      const wrapperOf = await wrappersOf([
        Single,
        Transient,
        PerRequest,
        UsesPerRequest,
        First,
        Second,
        TransientPerRequest,
        Third,
      ]);
      const all = [Single, Transient, PerRequest, UsesPerRequest, First].map(wrapperOf);
      expect(all.map(isSingle)).toEqual([true, false, false, false, true]);
      const [single, transient, perRequest] = all as [InstanceWrapper, InstanceWrapper, InstanceWrapper];
      expect(instancesOf(single)).toEqual([expect.any(Single)]);
      const users = [First, Second].map((type) => wrapperOf(type).instance as First);
      expect(new Set(instancesOf(transient))).toEqual(new Set(users.map(({ dependency }) => dependency)));
      expect(instancesOf(transient)[0]).toBeInstanceOf(Transient);
      expect(instancesOf(perRequest)).toEqual([]);
      expect(instancesOf(wrapperOf(TransientPerRequest))).toEqual([]);
    });

    it('the ModuleRef of the module that provides them', async () => {
      const single = (await wrappersOf([Single]))(Single);
      expect(moduleRefOf(single.host!).get(Single)).toBe(single.instance);
    });

    it('the tokens that they inject', async () => {
      @Injectable({ scope: Scope.REQUEST })
      class Injecting {
        @Inject('property') readonly property: unknown;
        @Inject(forwardRef(() => Single)) readonly later: unknown;

        constructor(
          readonly byType: First,
          @Inject('parameter') readonly byToken: unknown,
        ) {}
      }
      const named = ['property', 'parameter'].map((provide) => ({ provide, useValue: 1 }));
      const made = {
        provide: 'made',
        useFactory: () => 1,
        inject: [Single, { token: 'parameter', optional: true }],
      };
      const wrapperOf = await wrappersOf([Injecting, Single, Transient, First, ...named, made]);
      expect(injectedTokensOf(wrapperOf(Injecting))).toEqual(
        expect.arrayContaining([First, Single, 'parameter', 'property']),
      );
      expect(injectedTokensOf(wrapperOf('made'))).toEqual([Single, 'parameter']);
      expect(injectedTokensOf(wrapperOf('property'))).toEqual([]);
    });

    it('what Nest keeps of a resolution that is done, which can be let go of', async () => {
      const perRequest = (await wrappersOf([PerRequest]))(PerRequest);
      const kept = (): unknown => Reflect.get(perRequest, 'settlementSignal');
      await moduleRefOf(perRequest.host!).resolve(PerRequest);
      expect(kept()).toBeDefined();
      releaseSettlement(perRequest);
      expect(kept()).toBeUndefined();
      expect(await moduleRefOf(perRequest.host!).resolve(PerRequest)).toBeInstanceOf(PerRequest);
    });

    it('which of them lack something that they inject', async () => {
      @Injectable()
      class Lacking {
        constructor(@Inject('nobody provides it') readonly dependency: unknown) {}
      }
      @Injectable()
      class Failing {
        constructor() {
          throw new Error('on purpose');
        }
      }
      const moduleRef = moduleRefOf((await wrappersOf([Single]))(Single).host!);
      const failureOf = (type: Type): Promise<unknown> =>
        moduleRef.create(type).then(
          () => undefined,
          (error: unknown) => error,
        );
      expect(isUnknownDependency(await failureOf(Lacking))).toBe(true);
      expect(isUnknownDependency(await failureOf(Failing))).toBe(false);
    });
  });

  it('a module that is loaded lazily is told of before its caller has it', async () => {
    const injected: LazyModuleLoader[] = [];
    @Injectable()
    class User {
      constructor(loader: LazyModuleLoader) {
        injected.push(loader);
      }
    }
    @Module({ providers: [User] })
    class OtherModule {}
    const { app } = await create({ providers: [User], imports: [OtherModule] });
    const loader = app.get(LazyModuleLoader);
    expect(injected).toEqual([loader, loader]);
    expect(injected.every((each) => each === loader)).toBe(true);

    const log: unknown[] = [];
    onLazyLoad(loader, async (moduleRef) => {
      await new Promise((resolve) => setImmediate(resolve));
      log.push(moduleRef);
    });
    @Module({})
    class LazyModule {}
    const loaded = await loader.load(() => LazyModule);
    expect(log).toHaveLength(1);
    expect(log[0]).toBe(loaded);
    expect(loaded).toBeInstanceOf(ModuleRef);
    const lazy = [...app.get(ModulesContainer).values()].find(({ metatype }) => metatype === LazyModule);
    expect(moduleRefOf(lazy!)).toBe(loaded);
  });

  it('a ValidationPipe has its options', () => {
    const pipe = new ValidationPipe({ whitelist: true, transformOptions: { exposeDefaultValues: true } });
    expect(validationOptionsOf(pipe)).toMatchObject({
      validatorOptions: { whitelist: true },
      transformOptions: { exposeDefaultValues: true },
    });
  });

  it('a controller and its methods tell whether they have interceptors', () => {
    class Passing implements NestInterceptor {
      intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
        return next.handle();
      }
    }
    class Mixed {
      @UseInterceptors(new Passing())
      intercepted(): void {}
      plain(): void {}
    }
    @UseInterceptors(Passing)
    class Intercepted extends Mixed {}
    expect(hasInterceptors(new Mixed(), 'intercepted')).toBe(true);
    expect(hasInterceptors(new Mixed(), 'plain')).toBe(false);
    expect(hasInterceptors(new Intercepted(), 'plain')).toBe(true);
  });

  it.each([
    { prefix: '', version: undefined, path: '/plain/:id' },
    { prefix: 'api/:tenant', version: undefined, path: '/api/:tenant/plain/:id' },
    { prefix: 'api', version: '3', path: '/api/v3/module/plain/:id', modulePath: 'module' },
  ])('a route is where it is said to be: $path', async ({ prefix, version, path, modulePath }) => {
    @Controller('plain')
    class PlainController {
      @Get(':id')
      read(): string {
        return 'here';
      }
    }
    @Module({ controllers: [PlainController] })
    class FeatureModule {}
    const imports: (Type | DynamicModule)[] = [FeatureModule];
    if (modulePath !== undefined)
      imports.push(RouterModule.register([{ path: modulePath, module: FeatureModule }]));
    const { app, origin } = await create(
      { imports },
      {
        configure(nest) {
          nest.setGlobalPrefix(prefix);
          if (version) nest.enableVersioning({ type: VersioningType.URI, defaultVersion: version });
        },
      },
    );
    const found = routePathOf(app.get(ApplicationConfig), {
      controller: PlainController,
      handler: Object.getOwnPropertyDescriptor(PlainController.prototype, 'read')?.value as object,
      module: FeatureModule,
      applicationId: app.get(ModulesContainer).applicationId,
    });
    expect(found).toBe(path);
    const response = await fetch(origin + found.replace(':tenant', 'acme').replace(':id', '7'));
    expect(await response.text()).toBe('here');
  });

  it('a version of a controller and of a method is in the path of a route', async () => {
    @Controller({ path: 'plain', version: '1' })
    class PlainController {
      @Get('one')
      one(): void {}
    }
    const { app, module } = await create(
      { controllers: [PlainController] },
      { configure: (nest) => nest.enableVersioning({ type: VersioningType.URI }) },
    );
    const { one } = Object.getOwnPropertyDescriptors(PlainController.prototype);
    const { applicationId } = app.get(ModulesContainer);
    const route = { controller: PlainController, handler: one.value as object, module, applicationId };
    expect(routePathOf(app.get(ApplicationConfig), route)).toBe('/v1/plain/one');
  });

  describe.each(adapters)('of a stream of events (%s)', (adapter) => {
    it("another method can stand in the place of the router's", async () => {
      @Controller()
      class OneController {
        @Sse('events')
        events(): Observable<MessageEvent> {
          return of({ data: { n: 1 } });
        }
      }
      const calls: Parameters<SseMethod>[] = [];
      let own: SseMethod | undefined;
      const isReplaced = replaceSse((nestSse) => {
        own = nestSse;
        return function (...given) {
          calls.push(given);
          return nestSse.apply(this, given);
        };
      });
      try {
        expect(isReplaced).toBe(true);
        const { origin } = await create({ controllers: [OneController] }, { adapter });
        const stream = await openStream(`${origin}/events`);
        await stream.ended;
        expect(stream.events).toMatchObject([{ data: { n: 1 } }]);
        expect(calls).toHaveLength(1);
        const [[result, response, request]] = calls as [Parameters<SseMethod>];
        expect(result).toBeInstanceOf(Promise);
        expect(response).toBeInstanceOf(ServerResponse);
        expect(request).toBeInstanceOf(IncomingMessage);
      } finally {
        replaceSse(() => own!);
      }
    });

    it('a request can be given the controller that Nest would make', async () => {
      const controller = new AbortController();
      let raw: IncomingMessage | undefined;
      class Giving implements CanActivate {
        canActivate(context: ExecutionContext): boolean {
          const request = context.getArgByIndex<IncomingMessage & { raw?: IncomingMessage }>(0);
          raw = request.raw ?? request;
          expect(sseControllerOf(raw)).toBeUndefined();
          setSseController(request, raw, controller);
          return true;
        }
      }
      let given: AbortSignal | undefined;
      @Controller()
      @UseGuards(Giving)
      class OneController {
        @Sse('events')
        events(@SseSignal() signal: AbortSignal): Observable<MessageEvent> {
          given = signal;
          return NEVER;
        }
      }
      const { origin } = await create({ controllers: [OneController] }, { adapter });
      const stream = await openStream(`${origin}/events`);
      expect(given).toBe(controller.signal);
      expect(sseControllerOf(raw!)).toBe(controller);
      await stream.close();
      await eventually(() => expect(controller.signal.aborted).toBe(true));
    });

    it("what writes it is Nest's stream, whose headers, events and end are in our hands", async () => {
      const events = new Subject<MessageEvent>();
      @Controller()
      class OneController {
        @Sse('events')
        events(): Observable<MessageEvent> {
          return events;
        }
      }
      const piped: unknown[] = [];
      const { origin } = await create(
        { controllers: [OneController] },
        {
          adapter,
          configure: (app) =>
            app.use((_request: unknown, response: ServerResponse, next: () => void) => {
              response.once('pipe', (source: unknown) => piped.push(source));
              next();
            }),
        },
      );
      const stream = await openStream(`${origin}/events`);
      expect(piped.map(isNestSseStream)).toEqual([true]);
      const [source] = piped as [NestSseStream];
      expect(source.headersCommitted).toBe(true);
      const written: MessageEvent[] = [];
      source.writeMessage = (message, done) => {
        written.push(message);
        process.nextTick(done);
      };
      events.next({ data: 'one' });
      events.next({ data: 'two' });
      await eventually(() => expect(written).toMatchObject([{ data: 'one' }, { data: 'two' }]));
      expect(source.writableEnded).toBe(false);
      source.end();
      expect(await stream.ended).toBe('complete');
      expect(stream.events).toEqual([]);
      expect(isNestSseStream(new Subject())).toBe(false);
    });
  });
});

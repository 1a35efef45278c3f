import { describe, expect, it } from '@jest/globals';
import {
  forwardRef,
  Inject,
  Injectable,
  Module,
  type Provider,
  Scope,
  type Type,
  ValidationPipe,
} from '@nestjs/common';
import { DiscoveryService, LazyModuleLoader, ModuleRef, ModulesContainer } from '@nestjs/core';
import {
  injectedTokensOf,
  instancesOf,
  type InstanceWrapper,
  isSingle,
  isUnknownDependency,
  lastToStart,
  moduleRefOf,
  onLazyLoad,
  releaseSettlement,
  validationOptionsOf,
} from '../../lib/internals/nest-internals.js';
import { createNest } from './nest-application.js';

/** The providers of an application by their tokens, as Nest has them. */
async function wrappersOf(providers: Provider[]): Promise<(token: unknown) => InstanceWrapper> {
  const { app } = await createNest({ providers });
  const all = app.get(DiscoveryService).getProviders();
  return (token) => all.find((wrapper) => wrapper.token === token)!;
}

/** What uses something of Nest that has no documentation: when this fails on a version of Nest, that has changed it. */
describe('what is private of Nest of providers', () => {
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

  it('and of modules: which one has the last hook at the start', async () => {
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
    const { app, module } = await createNest({
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
    const { app } = await createNest({ providers: [User], imports: [OtherModule] });
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
});

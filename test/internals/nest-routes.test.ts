import { describe, expect, it } from '@jest/globals';
import {
  type CallHandler,
  Controller,
  type DynamicModule,
  type ExecutionContext,
  Get,
  Module,
  type NestInterceptor,
  type Type,
  UseInterceptors,
  VersioningType,
} from '@nestjs/common';
import { ApplicationConfig, ModulesContainer, RouterModule } from '@nestjs/core';
import type { Observable } from 'rxjs';
import { hasInterceptors, routePathOf } from '../../lib/internals/nest-internals.js';
import { createNest } from './nest-application.js';

/** What uses something of Nest that has no documentation: when this fails on a version of Nest, that has changed it. */
describe('what is private of Nest of routes', () => {
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
    const { app, origin } = await createNest(
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
    const { app, module } = await createNest(
      { controllers: [PlainController] },
      { configure: (nest) => nest.enableVersioning({ type: VersioningType.URI }) },
    );
    const { one } = Object.getOwnPropertyDescriptors(PlainController.prototype);
    const { applicationId } = app.get(ModulesContainer);
    const route = { controller: PlainController, handler: one.value as object, module, applicationId };
    expect(routePathOf(app.get(ApplicationConfig), route)).toBe('/v1/plain/one');
  });
});

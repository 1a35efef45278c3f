import { Injectable, Optional, type Type } from '@nestjs/common';
import { ApplicationConfig, ModulesContainer } from '@nestjs/core';
import { routePathOf } from '../internals/nest-internals.js';
import { InvalidOptionsError } from '../task/errors.js';
import { assertTaskRef, type TaskRef } from '../task/task-ref.js';

/**
 * Which stream of a task is meant, where an application has several controllers, and what its path needs.
 *
 * @publicApi
 */
export interface StreamPathOptions {
  /**
   * A `StreamingController` of your own.
   * @defaultValue the module's controller, or your only one where `http.controller` is `false`
   */
  controller?: Type;
  /** Parameters of the path beside those of the task: `{ tenant: 'acme' }` for a global prefix `:tenant`. */
  params?: Readonly<Record<string, string>>;
}

/** Marks controllers that have the routes of a task; the value says whose they are. */
export const STREAMING_CONTROLLER = 'nestjs-streaming:controller';
export type ControllerOrigin = 'application' | 'module';

interface FoundController {
  readonly metatype: Type;
  readonly module: Type;
  readonly origin: ControllerOrigin;
}

/** Tells where the stream of a task is: Nest itself puts prefixes and versions together when it registers the routes. */
@Injectable()
export class StreamPaths {
  constructor(
    private readonly modules: ModulesContainer,
    @Optional() private readonly config?: ApplicationConfig,
  ) {}

  /** @see StreamingHttpService.streamPath */
  pathOf(ref: TaskRef, { controller, params = {} }: StreamPathOptions = {}): string {
    assertTaskRef(ref);
    const pattern = this.#patternOf(this.#find(controller));
    const values: Readonly<Record<string, string>> = { ...params, app: ref.app, name: ref.name, id: ref.id };
    return pattern
      .replace(/[^\x21-\x7e]+/g, encodeURIComponent)
      .replace(/:([A-Za-z_]\w*)/g, (_, name: string) => {
        const value = Object.hasOwn(values, name) ? values[name] : undefined;
        if (value !== undefined) return encodeURIComponent(value);
        throw new InvalidOptionsError(
          `The path of streams is ${pattern}: give streamPath() { params: { ${name}: … } }`,
        );
      });
  }

  #find(wanted: Type | undefined): FoundController {
    const all = this.#controllers();
    if (wanted) {
      const found = all.find(({ metatype }) => metatype === wanted);
      if (found) return found;
      throw new InvalidOptionsError(
        `streamPath(): ${wanted.name} is no StreamingController that a module of the application declares`,
      );
    }
    const own = all.find(({ origin }) => origin === 'module');
    const [only, ...others] = all;
    const found = own ?? (others.length === 0 ? only : undefined);
    if (found) return found;
    throw new InvalidOptionsError(
      only
        ? `streamPath(): there are several controllers, ${all.map(({ metatype }) => metatype.name).join(', ')}: give it { controller }`
        : 'streamPath(): there are no streams over HTTP, as "http.controller" is false and no module declares a StreamingController',
    );
  }

  #controllers(): FoundController[] {
    return [...this.modules.values()].flatMap((module) =>
      [...module.controllers.values()].flatMap(({ metatype }) => {
        if (typeof metatype !== 'function') return [];
        const origin = Reflect.getMetadata(STREAMING_CONTROLLER, metatype) as ControllerOrigin | undefined;
        return origin ? [{ metatype: metatype as Type, module: module.metatype, origin }] : [];
      }),
    );
  }

  #patternOf({ metatype, module }: FoundController): string {
    if (!this.config) throw new InvalidOptionsError('streamPath(): the application has no configuration');
    const { watch } = metatype.prototype as { watch: object };
    const { applicationId } = this.modules;
    return routePathOf(this.config, { controller: metatype, handler: watch, module, applicationId });
  }
}

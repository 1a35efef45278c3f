import {
  type BeforeApplicationShutdown,
  Injectable,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleDestroy,
} from '@nestjs/common';
import { CoordinatorShutdown } from './coordinator-shutdown.js';
import { TaskTypeExplorer } from './types/task-type.explorer.js';

type Destroy = () => unknown;

/**
 * Shuts down when the application closes, whichever of Nest's hooks comes first.
 *
 * A global module's hooks are the last to run, when the providers that handlers use may be gone already. So the first
 * hook is put on the handlers' own hosts, which are destroyed before what they depend on. The HTTP server closes
 * between `beforeApplicationShutdown` and `onApplicationShutdown`, and waits for every open stream: the latter alone
 * would never be reached.
 */
@Injectable()
export class ShutdownHooks
  implements OnApplicationBootstrap, OnModuleDestroy, BeforeApplicationShutdown, OnApplicationShutdown
{
  constructor(
    private readonly shutdown: CoordinatorShutdown,
    private readonly explorer: TaskTypeExplorer,
  ) {}

  onApplicationBootstrap(): void {
    for (const host of this.explorer.hosts) this.#precede(host);
  }

  async onModuleDestroy(): Promise<void> {
    await this.shutdown.run();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.shutdown.run();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.shutdown.run();
  }

  #precede(host: object & { onModuleDestroy?: Destroy }): void {
    // A frozen value provider takes no hook; the module's own comes later, but comes.
    if (!Object.isExtensible(host)) return;
    const { shutdown } = this;
    const before = Object.getOwnPropertyDescriptor(host, 'onModuleDestroy');
    Object.defineProperty(host, 'onModuleDestroy', {
      configurable: true,
      enumerable: false,
      writable: true,
      async value(this: typeof host) {
        // Once is enough, and a value provider may serve the next application too.
        if (before) Object.defineProperty(host, 'onModuleDestroy', before);
        else delete host.onModuleDestroy;
        await shutdown.run();
        await host.onModuleDestroy?.();
      },
    });
  }
}

import {
  type BeforeApplicationShutdown,
  Injectable,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleDestroy,
} from '@nestjs/common';
import { CoordinatorShutdown } from './coordinator-shutdown.js';
import { TaskTypeExplorer } from '../task-types/task-type.explorer.js';

type Host = object & { onModuleDestroy?: () => unknown };

/** The applications that a host serves, each by its shutdown: a value provider may be shared. */
const shutdownsOf = new WeakMap<object, Set<CoordinatorShutdown>>();

/**
 * Shuts down when the application closes, whichever of Nest's hooks comes first.
 *
 * A global module's hooks are the last to run, when the providers that handlers use may be gone already. So a hook is put
 * on the handlers themselves and before the hooks of all that they inject: each waits for the tasks. The HTTP server closes
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
    this.explorer.forEachHost((host) => this.#precede(host));
  }

  async onModuleDestroy(): Promise<void> {
    await this.shutdown.run();
    for (const host of this.explorer.hosts) shutdownsOf.get(host)?.delete(this.shutdown);
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.shutdown.run();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.shutdown.run();
  }

  #precede(host: Host): void {
    const known = shutdownsOf.get(host);
    if (known) {
      known.add(this.shutdown);
      return;
    }
    // A frozen value provider takes no hook; the module's own comes later, but comes.
    const shutdowns = new Set([this.shutdown]);
    const before = host.onModuleDestroy;
    const isPut = Reflect.defineProperty(host, 'onModuleDestroy', {
      configurable: true,
      enumerable: false,
      writable: true,
      async value(this: unknown) {
        // Of several applications nothing says which one closes: then each has only the module's own hook.
        const [shutdown] = shutdowns;
        if (shutdowns.size === 1) await shutdown?.run();
        await before?.call(this);
      },
    });
    if (isPut) shutdownsOf.set(host, shutdowns);
  }
}

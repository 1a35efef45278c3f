import {
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { TaskEngine } from '../engine/task-engine.js';
import { lastToStart } from '../internals/nest-internals.js';
import { TaskTypeExplorer } from '../task-types/task-type.explorer.js';
import { CoordinatorShutdown } from './coordinator-shutdown.js';

/**
 * Opens the engine when the task types are known, has it begin when the application has started, and closes it at the end.
 *
 * A global module's hooks are the first to run at the start, and the last at the end. So an engine is open in all hooks of
 * others. It begins behind the last of them, as its handlers use what they make ready.
 */
@Injectable()
export class EngineHooks implements OnModuleInit, OnApplicationBootstrap, OnApplicationShutdown {
  constructor(
    private readonly engine: TaskEngine,
    private readonly explorer: TaskTypeExplorer,
    private readonly modules: ModulesContainer,
    private readonly shutdown: CoordinatorShutdown,
  ) {}

  async onModuleInit(): Promise<void> {
    await this.explorer.onModuleInit();
    await this.engine.open();
  }

  onApplicationBootstrap(): void {
    if (this.shutdown.isShuttingDown) return;
    new Logger('Streaming').log(`Tasks run ${this.engine.where}`);
    const begin = (): void => {
      if (!this.shutdown.isShuttingDown) this.engine.begin();
    };
    const last: { onApplicationBootstrap?: () => unknown } | undefined = lastToStart(this.modules.values());
    const before = last?.onApplicationBootstrap;
    const isPut =
      last !== undefined &&
      Reflect.defineProperty(last, 'onApplicationBootstrap', {
        configurable: true,
        enumerable: false,
        writable: true,
        async value(this: unknown) {
          await before?.call(this);
          begin();
        },
      });
    if (!isPut) begin();
  }

  /** Behind the end of the HTTP server: until then there are requests. */
  async onApplicationShutdown(): Promise<void> {
    try {
      await this.shutdown.run();
    } finally {
      await this.engine.close();
    }
  }
}

import type { ResolvedOptions } from '../streaming.options.js';
import type { TaskTypeRegistry } from '../task-types/task-type.registry.js';
import type { ListenerDelivery } from './listeners/listener-delivery.js';
import type { TaskEngine } from './task-engine.js';

/** What an engine is made with: the application's own, one for each time that it starts. */
export interface EngineHost {
  readonly options: ResolvedOptions;
  /** Empty when the engine is made. All that the application has at its start is there when it is opened. */
  readonly types: TaskTypeRegistry;
  readonly listeners: ListenerDelivery;
}

/**
 * What `forRoot({ engine })` takes. `bullmq()` of `nestjs-streaming/bullmq` makes one.
 *
 * @publicApi
 */
export interface EngineFactory {
  /**
   * Called by the module, once for each application. It opens nothing: where another provider cannot be made, it is
   * not closed.
   */
  create(host: EngineHost): TaskEngine;
}

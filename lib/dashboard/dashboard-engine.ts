import { Injectable, type OnModuleInit } from '@nestjs/common';
import { DiscoveryService, ModuleRef } from '@nestjs/core';
import { CoordinatorService } from '../coordinator/coordinator.service.js';
import { TaskEngine } from '../engine/task-engine.js';
import type { TaskView } from '../engine/task-view.js';
import { inputSchemaOf } from '../http/openapi/task-inputs.js';
import { StreamConnections } from '../http/stream/stream-connections.js';
import { InvalidOptionsError, TaskNotFoundError } from '../task/errors.js';
import { assertTaskRef, type TaskRef } from '../task/task-ref.js';
import { findTaskTypes } from '../task-types/find-task-types.js';
import { dtoSchemaOf } from '../task-types/input/dto-schema.js';
import { type WatchedBy, watchedBy } from './live/watched-by.js';

/** A task type, as the page starts tasks of it. */
export interface StartableType {
  readonly app: string;
  readonly name: string;
  /** JSON Schema of its input, where it says so. */
  readonly schema?: object;
}

/** What `StreamingModule` has, as the dashboard needs it. */
@Injectable()
export class DashboardEngine implements OnModuleInit {
  #engine: TaskEngine | undefined;
  #coordinator: CoordinatorService | undefined;
  #connections: StreamConnections | undefined;

  constructor(
    private readonly modules: ModuleRef,
    private readonly discovery: DiscoveryService,
  ) {}

  onModuleInit(): void {
    try {
      this.#engine = this.modules.get(TaskEngine, { strict: false });
      this.#coordinator = this.modules.get(CoordinatorService, { strict: false });
      this.#connections = this.modules.get(StreamConnections, { strict: false });
    } catch (cause) {
      throw new InvalidOptionsError(
        'StreamingDashboardModule needs StreamingModule.forRoot() or forRootAsync() in the same application',
        { cause },
      );
    }
    // Both cost something for each task and each stream. Only a dashboard asks for them.
    this.engine.measuresInputs = true;
    this.connections.namesWatchers = true;
  }

  get engine(): TaskEngine {
    return this.#engine as TaskEngine;
  }

  get connections(): StreamConnections {
    return this.#connections as StreamConnections;
  }

  get coordinator(): CoordinatorService {
    return this.#coordinator as CoordinatorService;
  }

  /** @throws TaskNotFoundError */
  async find(ref: TaskRef): Promise<TaskView> {
    assertTaskRef(ref);
    const view = await this.engine.find(ref);
    if (!view) throw new TaskNotFoundError(ref);
    return view;
  }

  /** Who watches a run, as far as this instance knows. */
  watchedBy(view: TaskView): WatchedBy {
    return watchedBy(this.connections.watchersOf(view), this.engine.inputsTravel === true);
  }

  async types(): Promise<StartableType[]> {
    const types = await Promise.all(
      findTaskTypes(this.discovery).map(async ({ app, name, options: { input } }) => {
        const schema = input && (inputSchemaOf(input) ?? (await dtoSchemaOf(input)));
        return { app, name, ...(schema && { schema }) };
      }),
    );
    return types.toSorted((a, b) => (`${a.app}/${a.name}` < `${b.app}/${b.name}` ? -1 : 1));
  }
}

import type { EngineFactory } from 'nestjs-streaming';
import type { EngineHost } from '../../../lib/engine/engine-factory.js';
import { LocalEngine } from '../../../lib/engine/local/local-engine.js';
import { TaskStore } from '../../../lib/engine/local/task-store.js';
import type { NewTask } from '../../../lib/engine/new-task.js';
import type { TaskEngine, TaskListing, TaskQuery } from '../../../lib/engine/task-engine.js';
import type { CancelAnswer, CancelRequest, TaskView } from '../../../lib/engine/task-view.js';
import type { TaskRun } from '../../../lib/run/task-run.js';
import type { TaskRef } from '../../../lib/task/task-ref.js';
import { ViewOfRun } from './view-of-run.js';

/** What a test does to an engine that answers later. */
export class Hold {
  /** Called for each thing that the engine is asked, before it does it. */
  pass: (what: string) => Promise<void> = () => Promise.resolve();
  /** What it was asked and has not answered. */
  readonly pending: string[] = [];

  async ask<Answer>(what: string, answer: () => Answer): Promise<Awaited<Answer>> {
    this.pending.push(what);
    try {
      await this.pass(what);
      return await answer();
    } finally {
      this.pending.splice(this.pending.indexOf(what), 1);
    }
  }
}

/** A task that runs here, of which all is asked as if it ran elsewhere. */
class HeldView extends ViewOfRun {
  readonly #hold: Hold;

  constructor(run: TaskRun, hold: Hold) {
    super(run);
    this.#hold = hold;
  }

  get log(): TaskView['log'] {
    return this.run.log;
  }

  override requestCancel(request: CancelRequest): Promise<CancelAnswer> {
    return this.#hold.ask('cancel', () => super.requestCancel(request));
  }

  override signal(name: string, json: string): Promise<boolean> {
    return this.#hold.ask('signal', () => super.signal(name, json));
  }
}

class HeldEngine implements TaskEngine {
  readonly #local: LocalEngine;
  readonly #hold: Hold;
  readonly #views = new WeakMap<TaskRun, HeldView>();

  readonly where = 'in this process';

  constructor({ options, listeners }: EngineHost, hold: Hold) {
    this.#local = new LocalEngine(new TaskStore(options), listeners, options);
    this.#hold = hold;
  }

  open(): void {}
  begin(): void {}
  close(): void {}

  start(task: NewTask): Promise<{ view: TaskView; created: boolean }> {
    return this.#hold.ask('start', () => {
      const { view, created } = this.#local.start(task);
      return { view: this.#viewOf(view), created };
    });
  }

  find(ref: TaskRef): Promise<TaskView | undefined> {
    return this.#hold.ask('find', () => {
      const run = this.#local.find(ref);
      return run && this.#viewOf(run);
    });
  }

  list(query: TaskQuery, most: number): Promise<TaskListing> {
    return this.#hold.ask('list', () => this.#local.list(query, most));
  }

  shutdown(options: Parameters<TaskEngine['shutdown']>[0]): ReturnType<TaskEngine['shutdown']> {
    return this.#local.shutdown(options);
  }

  #viewOf(run: TaskRun): HeldView {
    let view = this.#views.get(run);
    if (!view) this.#views.set(run, (view = new HeldView(run, this.#hold)));
    return view;
  }
}

/** For `forRoot({ engine })`: an engine that does what it is asked when the test lets it, or fails. */
export function heldEngine(hold: Hold): EngineFactory {
  return { create: (host) => new HeldEngine(host, hold) };
}

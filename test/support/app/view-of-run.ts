import type { CancelRequest, TaskView } from '../../../lib/engine/task-view.js';
import type { TaskRun } from '../../../lib/run/task-run.js';

/** A view of a task that runs here, for engines of tests that change some of what it does. */
export abstract class ViewOfRun implements TaskView {
  constructor(protected readonly run: TaskRun) {}

  abstract get log(): TaskView['log'];

  get ref(): TaskView['ref'] {
    return this.run.ref;
  }

  get owner(): TaskView['owner'] {
    return this.run.owner;
  }

  get status(): TaskView['status'] {
    return this.run.status;
  }

  get folded(): TaskView['folded'] {
    return this.run.folded;
  }

  get record(): TaskView['record'] {
    return this.run.record;
  }

  get outcome(): TaskView['outcome'] {
    return this.run.outcome;
  }

  attach(): void {
    this.run.attach();
  }

  detach(): void {
    this.run.detach();
  }

  requestCancel(request: CancelRequest): ReturnType<TaskView['requestCancel']> {
    return this.run.requestCancel(request);
  }

  signal(name: string, json: string): ReturnType<TaskView['signal']> {
    return this.run.signal(name, json);
  }
}

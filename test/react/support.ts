import type { TaskView, UseTaskOptions } from 'nestjs-streaming/react';
import type { AnyTask, TaskRun } from 'nestjs-streaming/client';
import { WatchedTask } from '../../lib/react/watched-task.js';
import { closeLater } from '../support/watching.js';

/** A component that shows a task, but for React: it sees each view that would be rendered. */
export class Shown<State = unknown> {
  readonly views: TaskView<AnyTask, State>[] = [];
  readonly store: WatchedTask<AnyTask, State>;
  #unmount: (() => void) | undefined;

  constructor(run: TaskRun | undefined, options: UseTaskOptions<AnyTask, State> = {}) {
    this.store = new WatchedTask<AnyTask, State>(run, options);
    closeLater(() => this.unmount());
  }

  static of<T>(run: TaskRun | undefined, options: UseTaskOptions<AnyTask, T> = {}): Shown<T> {
    const shown = new Shown<T>(run, options);
    shown.mount();
    return shown;
  }

  get view(): TaskView<AnyTask, State> {
    return this.store.getView();
  }

  get phases(): (string | undefined)[] {
    const phases = this.views.map(({ cancellation }) => cancellation?.phase);
    return phases.filter((phase, index) => phase !== phases[index - 1]);
  }

  mount(): void {
    this.#unmount = this.store.subscribe(() => this.views.push(this.view));
  }

  unmount(): void {
    this.#unmount?.();
    this.#unmount = undefined;
  }
}

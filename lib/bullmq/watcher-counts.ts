import { setImmediate } from 'node:timers';
import { inRootContext } from '../cancellation/async-context.js';
import { taskKey } from '../task/task-ref.js';
import type { RedisTasks } from './redis/redis-tasks.js';
import type { RemoteView } from './remote-view.js';

/** Tells all instances how many watch a task here. */
export class WatcherCounts {
  readonly #tasks: RedisTasks;
  /** How long a count holds that is not said again, in milliseconds. */
  readonly #lifetime: number;
  readonly #onError: (error: unknown) => void;
  readonly #watched = new Set<RemoteView>();
  readonly #changed = new Set<RemoteView>();
  #telling: Promise<void> = Promise.resolve();
  #isScheduled = false;

  constructor(tasks: RedisTasks, lifetime: number, onError: (error: unknown) => void) {
    this.#tasks = tasks;
    this.#lifetime = lifetime;
    this.#onError = onError;
  }

  /** Many come or go in one turn. */
  onChange(view: RemoteView): void {
    if (view.watchers > 0) this.#watched.add(view);
    else this.#watched.delete(view);
    this.#changed.add(view);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    inRootContext(() => setImmediate(() => this.#tellChanges()));
  }

  /** When what has changed by now is told. */
  async told(): Promise<void> {
    if (this.#isScheduled) this.#tellChanges();
    await this.#telling;
  }

  /** Says all again, before it no longer holds. */
  async repeat(): Promise<void> {
    const watched = [...this.#watched];
    for (const view of watched) if (view.log.ended) this.#watched.delete(view);
    await this.#tell(watched);
  }

  #tellChanges(): void {
    this.#isScheduled = false;
    const changed = [...this.#changed];
    this.#changed.clear();
    this.#telling = this.#tell(changed);
  }

  async #tell(views: readonly RemoteView[]): Promise<void> {
    const told = views
      .filter((view) => !view.log.ended || view.watchers === 0)
      .map((view) => this.#tasks.watch(this.#tasks.keysOf(taskKey(view.ref)), view.watchers, this.#lifetime));
    for (const result of await Promise.allSettled(told))
      if (result.status === 'rejected') this.#onError(result.reason);
  }
}

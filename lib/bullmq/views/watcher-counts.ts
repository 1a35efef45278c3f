import { setImmediate } from 'node:timers';
import { inRootContext } from '../../cancellation/async-context.js';
import { taskKey } from '../../task/task-ref.js';
import type { RedisTasks } from '../redis/redis-tasks.js';
import type { RemoteView } from './remote-view.js';

/** Tells all instances how many watch a task here. */
export class WatcherCounts {
  readonly #tasks: RedisTasks;
  /** How long a count holds that is not said again, in milliseconds. */
  readonly #lifetime: number;
  readonly #onError: (error: unknown) => void;
  readonly #onGone: (view: RemoteView) => void;
  /** Those that are watched, or whose end somebody waits for. */
  readonly #followed = new Set<RemoteView>();
  readonly #changed = new Set<RemoteView>();
  #telling: Promise<void> = Promise.resolve();
  #isScheduled = false;

  /**
   * @param onGone called with a task that is watched and is not there any more
   */
  constructor(
    tasks: RedisTasks,
    lifetime: number,
    onGone: (view: RemoteView) => void,
    onError: (error: unknown) => void,
  ) {
    this.#onGone = onGone;
    this.#tasks = tasks;
    this.#lifetime = lifetime;
    this.#onError = onError;
  }

  /** Many come or go in one turn. */
  onChange(view: RemoteView): void {
    this.#followed.add(view);
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

  /** Its end must be heard of, watched or not. */
  onFollowed(view: RemoteView): void {
    if (!view.log.ended) this.#followed.add(view);
  }

  /** Those that have not ended, as far as is known here. */
  get followed(): RemoteView[] {
    return [...this.#followed].filter((view) => !view.log.ended);
  }

  /** Says all again, before it no longer holds. */
  async repeat(): Promise<void> {
    for (const view of this.#followed) if (view.log.ended || !view.isFollowed) this.#followed.delete(view);
    await this.#tell([...this.#followed]);
  }

  #tellChanges(): void {
    this.#isScheduled = false;
    const changed = [...this.#changed];
    this.#changed.clear();
    this.#telling = this.#tell(changed);
  }

  async #tell(views: readonly RemoteView[]): Promise<void> {
    await Promise.all(views.map((view) => this.#tellOf(view)));
  }

  async #tellOf(view: RemoteView): Promise<void> {
    const keys = this.#tasks.keysOf(taskKey(view.ref));
    try {
      const isThere = await this.#tasks.watch(keys, view.epoch, view.watchers, this.#lifetime);
      if (!isThere && !view.log.ended) this.#onGone(view);
    } catch (error) {
      this.#onError(error);
    }
  }
}

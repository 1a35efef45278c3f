import { WindowBudget } from '../../log/read/window-budget.js';
import { taskKey, type TaskRef } from '../../task/task-ref.js';
import { RedisLogSource } from '../redis/redis-log-source.js';
import type { RedisNews } from '../redis/redis-news.js';
import type { StoreConnection } from '../redis/connection/store-connection.js';
import type { StoredTask } from '../redis/stored-task.js';
import { keysOf } from '../redis/task-keys.js';
import { RemoteView, type ViewHost } from './remote-view.js';

const LEAST_VIEWS = 1_000;

/** The views of this process: one for each run, as long as anything holds it. */
export class ViewRegistry {
  readonly #connection: StoreConnection;
  readonly #news: RedisNews;
  readonly #prefix: string;
  readonly #host: ViewHost;
  readonly #budget: WindowBudget;
  readonly #views = new Map<string, WeakRef<RemoteView>>();
  /** With so many it is looked which of them are gone: to be told of each costs more than all the rest. */
  #most = LEAST_VIEWS;

  /** @param mostBytes of events that are kept here for those who watch */
  constructor(
    connection: StoreConnection,
    news: RedisNews,
    prefix: string,
    host: ViewHost,
    mostBytes: number,
  ) {
    this.#connection = connection;
    this.#news = news;
    this.#prefix = prefix;
    this.#host = host;
    this.#budget = new WindowBudget(mostBytes);
  }

  /** The view of a run, which knows at least this of it. */
  of(ref: TaskRef, task: StoredTask): RemoteView {
    const { epoch, firstSeq, lastSeq, endedAt } = task;
    const state = { firstSeq, lastSeq, ended: endedAt !== null, record: task };
    const known = this.#views.get(epoch)?.deref();
    if (known) {
      known.log.update(state);
      return known;
    }
    const keys = keysOf(this.#prefix, taskKey(ref));
    const source = new RedisLogSource(this.#connection, this.#news, keys, epoch);
    const view = new RemoteView(ref, epoch, source, state, this.#host, this.#budget);
    this.#views.set(epoch, new WeakRef(view));
    if (this.#views.size > this.#most) this.#sweep();
    return view;
  }

  #sweep(): void {
    for (const [epoch, view] of this.#views) if (!view.deref()) this.#views.delete(epoch);
    this.#most = Math.max(LEAST_VIEWS, 2 * this.#views.size);
  }
}

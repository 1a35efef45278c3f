import { RunGroup } from '../client/for-views.js';
import type { ListFilter, StreamingClient, TaskPage, TaskRun, TaskSnapshot } from '../client/index.js';
import type { AnyTask } from '../client/task-types.js';
import { Publisher } from './publisher.js';
import type { ListedTask, TasksView, UseTasksOptions } from './tasks-view.js';
import { WatchedTask } from './watched-task.js';

/** How long a list may be behind, where nothing else is asked for, in milliseconds. */
const REFRESH = 5_000;

/** A request is on its way for some time, and is to be answered before the list is too old. */
const EARLY = 0.8;
/** No timer holds more. */
const LONGEST_TIMER = 2 ** 31 - 1;

interface Item {
  readonly watched: WatchedTask<AnyTask, unknown>;
  readonly createdAt: string;
  unsubscribe?: () => void;
  /** The same object while nothing has changed. */
  shown?: { readonly view: unknown; readonly listed: ListedTask };
}

/** The tasks that match, as a store for `useSyncExternalStore`: asked for, and watched, while somebody subscribes. */
export class TaskList {
  readonly #idle: TasksView;
  readonly #listeners = new Set<() => void>();
  readonly #group = new RunGroup();
  readonly #publisher = new Publisher(
    () => this.#publish(),
    () => this.options.throttle ?? 0,
  );
  #view: TasksView;
  /** In the order of the list, by their paths. */
  #items: ReadonlyMap<string, Item> = new Map();
  #nextCursor: string | null = null;
  /** How many pages are shown. */
  #pages = 1;
  #error: Error | undefined;
  #pending = true;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** What is being asked for: one thing at a time. */
  #asking: Promise<void> | undefined;
  #loadingMore: Promise<void> | undefined;

  /** @param options the newest that were given: they may be others at any time */
  constructor(
    private readonly client: StreamingClient,
    private readonly filter: ListFilter,
    public options: UseTasksOptions,
  ) {
    const { loadMore, refresh } = this;
    this.#idle = { items: [], nextCursor: null, pending: true, error: undefined, loadMore, refresh };
    this.#view = this.#idle;
  }

  readonly getView = (): TasksView => this.#view;

  readonly getIdle = (): TasksView => this.#idle;

  readonly subscribe = (listener: () => void): (() => void) => {
    const own = (): void => listener();
    this.#listeners.add(own);
    if (this.#listeners.size === 1) this.#open();
    return () => {
      this.#listeners.delete(own);
      if (this.#listeners.size === 0) this.#close();
    };
  };

  readonly refresh = (): Promise<void> => this.#ask(() => this.#load());

  /** A second call while the first is answered is the same. */
  readonly loadMore = (): Promise<void> => (this.#loadingMore ??= this.#loadMore());

  #open(): void {
    for (const item of this.#items.values()) this.#watch(item);
    void this.#keepFresh();
  }

  #close(): void {
    clearTimeout(this.#timer);
    this.#publisher.stop();
    for (const item of this.#items.values()) item.unsubscribe?.();
  }

  async #keepFresh(): Promise<void> {
    const { refresh = REFRESH } = this.options;
    const next = performance.now() + EARLY * refresh;
    await this.refresh();
    clearTimeout(this.#timer);
    const delay = Math.max(0, next - performance.now());
    if (this.#listeners.size === 0 || delay > LONGEST_TIMER) return;
    this.#timer = setTimeout(() => void this.#keepFresh(), delay);
  }

  /** Never rejects: what goes wrong is in the view. */
  #ask(ask: () => Promise<void>): Promise<void> {
    this.#asking ??= (async () => {
      try {
        await ask();
        this.#error = undefined;
      } catch (error) {
        this.#error = error as Error;
      }
      this.#asking = undefined;
      this.#pending = false;
      if (this.#listeners.size > 0) this.#publisher.now();
    })();
    return this.#asking;
  }

  async #loadMore(): Promise<void> {
    await this.#asking;
    if (this.#nextCursor !== null) {
      this.#pending = true;
      this.#publisher.now();
      await this.#ask(() => this.#loadNext());
    }
    this.#loadingMore = undefined;
  }

  /** All pages that are shown. */
  async #load(): Promise<void> {
    const found: TaskSnapshot<unknown, unknown>[] = [];
    let cursor: string | undefined;
    let page: TaskPage | undefined;
    for (let pages = 0; pages < this.#pages && page?.nextCursor !== null; pages++) {
      page = await this.client.list({ ...this.filter, ...(cursor !== undefined && { cursor }) });
      found.push(...page.items);
      cursor = page.nextCursor ?? undefined;
    }
    this.#nextCursor = cursor ?? null;
    this.#show(found, new Map());
  }

  async #loadNext(): Promise<void> {
    const { items, nextCursor } = await this.client.list({
      ...this.filter,
      cursor: this.#nextCursor as string,
    });
    this.#pages += 1;
    this.#nextCursor = nextCursor;
    this.#show(items, new Map(this.#items));
  }

  /** Adds tasks to a list, and shows it. Those that are shown already go on, those that are not in it are left. */
  #show(found: readonly TaskSnapshot<unknown, unknown>[], list: Map<string, Item>): void {
    for (const snapshot of found) {
      const path = `${snapshot.app}/${snapshot.name}/${snapshot.id}`;
      const known = this.#items.get(path);
      list.set(path, known && isOf(known, snapshot) ? known : this.#add(snapshot));
    }
    const kept = new Set(list.values());
    for (const item of this.#items.values()) if (!kept.has(item)) item.unsubscribe?.();
    this.#items = list;
  }

  #add(snapshot: TaskSnapshot<unknown, unknown>): Item {
    const [run, outcome] = this.#group.add(this.client, snapshot);
    const { keepEvents } = this.options;
    const watched = new WatchedTask(run, { ...(keepEvents !== undefined && { keepEvents }) });
    watched.hear(snapshot, outcome);
    const item: Item = { watched, createdAt: snapshot.createdAt };
    if (this.#listeners.size > 0) this.#watch(item);
    return item;
  }

  #watch(item: Item): void {
    const { watched } = item;
    item.unsubscribe = watched.subscribe(() => {
      if (watched.getView().outcome) this.#publisher.now();
      else this.#publisher.soon();
    });
  }

  #publish(): void {
    this.#view = {
      ...this.#idle,
      items: [...this.#items.values()].map(shownOf),
      nextCursor: this.#nextCursor,
      pending: this.#pending,
      error: this.#error,
    };
    for (const listener of this.#listeners) listener();
  }
}

/** Whether what is shown is the run that the list has found: an id may have been started again, and a watch may have failed. */
function isOf({ watched, createdAt }: Item, snapshot: TaskSnapshot<unknown, unknown>): boolean {
  const { outcome, error } = watched.getView();
  return createdAt === snapshot.createdAt && !(error && !outcome);
}

function shownOf(item: Item): ListedTask {
  const view = item.watched.getView();
  if (item.shown?.view !== view) {
    const { app, name } = view.run as TaskRun;
    item.shown = { view, listed: { ...view, app, name, createdAt: item.createdAt } as ListedTask };
  }
  return item.shown.listed;
}

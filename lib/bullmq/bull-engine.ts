import { Logger } from '@nestjs/common';
import { clock } from '../cancellation/time/clock.js';
import { within } from '../cancellation/time/countdown.js';
import type { EngineHost } from '../engine/engine-factory.js';
import type { NewTask } from '../engine/new-task.js';
import type { EndedTasks, TaskEngine, TaskListing, TaskQuery } from '../engine/task-engine.js';
import type { CancelAnswer, CancelRequest } from '../engine/task-view.js';
import { mintEpoch } from '../log/wire/epoch.js';
import { describeErrorInLine } from '../run/describe-error.js';
import { MAX_WAITING_SIGNALS, noRoomFor, tooManyNames, tooManyOfName } from '../run/handler/signal-inbox.js';
import { terminalEventData } from '../run/outcome/terminal-event.js';
import type { ShutdownOptions } from '../streaming.options.js';
import { StoreUnavailableError, TooManyTasksError } from '../task/errors.js';
import { toJson } from '../task/json/json.js';
import type { Filled } from '../task/options/task-options.js';
import { isTaskRef, taskKey, type TaskRef } from '../task/task-ref.js';
import type { TaskType } from '../task-types/task-type.js';
import type { ResolvedBullmqOptions } from './bullmq.options.js';
import { optionsJson } from './stored-options.js';
import { endTasks, NOTHING_ENDED } from './run/end-tasks.js';
import { listTasks } from './list-tasks.js';
import { Maintenance } from './maintenance.js';
import { PendingTasks } from './pending-tasks.js';
import { EventBuffer } from './redis/event-buffer.js';
import { readTask } from './redis/redis-log-source.js';
import { RedisNews } from './redis/redis-news.js';
import { RedisTasks } from './redis/redis-tasks.js';
import { StoreConnection } from './redis/connection/store-connection.js';
import { TaskIndex } from './redis/task-index.js';
import { HeldViews } from './views/held-views.js';
import type { RemoteView, ViewHost } from './views/remote-view.js';
import { StartSignal } from './start-signal.js';
import { TaskRunner } from './run/task-runner.js';
import { checkName, TaskQueue } from './task-queue.js';
import { concurrencyOf, TaskWorker } from './run/task-worker.js';
import { WatcherCounts } from './views/watcher-counts.js';
import { ViewRegistry } from './views/view-registry.js';

/** A watcher that hears of the end by a read must find it: an ended task is kept at least so long, in milliseconds. */
const MIN_RETENTION = 5_000;

/** How long a shutdown looks which tasks go on elsewhere, in milliseconds. */
const MAX_LOOK = 500;

/** What there is while the engine is open. */
interface Opened {
  readonly connection: StoreConnection;
  readonly news: RedisNews;
  readonly tasks: RedisTasks;
  readonly index: TaskIndex;
  readonly views: ViewRegistry;
  readonly pending: PendingTasks;
  readonly runner: TaskRunner;
  readonly watchers: WatcherCounts;
  readonly maintenance: Maintenance;
}

/** Runs tasks on all instances of the application together: BullMQ says which instance, Redis keeps what all of them know. */
export class BullEngine implements TaskEngine, ViewHost {
  /** The input of a task is needed as JSON. */
  readonly inputsTravel = true;
  /** For the instance that shows them, which may be another one. */
  readonly measuresInputs = true;
  readonly #host: EngineHost;
  readonly #options: ResolvedBullmqOptions;
  readonly #logger = new Logger('Streaming');
  readonly #queues = new Map<string, TaskQueue>();
  readonly #workers: TaskWorker[] = [];
  readonly #retention: number;
  readonly #held: HeldViews;
  #opened: Opened | undefined;
  #hasBegun = false;
  #isClosing = false;
  /** Whether its tasks here have ended, or go on elsewhere. */
  #hasEnded = false;

  constructor(host: EngineHost, options: ResolvedBullmqOptions) {
    this.#host = host;
    this.#options = options;
    this.#retention = Math.max(MIN_RETENTION, host.options.replay.retention);
    this.#held = new HeldViews(this.#retention);
  }

  get where(): string {
    return `on Redis ${this.#parts.connection.place}, prefix "${this.#options.prefix}"`;
  }

  async open(): Promise<void> {
    const { connection: given, prefix, buffer, run } = this.#options;
    // One that is not provided stops the start.
    if (typeof run !== 'boolean') for (const type of run) this.#host.types.get(type);
    const connection = await StoreConnection.open(given, (message) => this.#logger.warn(message));
    if (this.#isClosing) {
      connection.close();
      return;
    }
    const news = new RedisNews(connection);
    const tasks = new RedisTasks(connection, prefix);
    const { replay, isCancellation } = this.#host.options;
    const index = new TaskIndex(connection, prefix, replay.tasks, (keys) => void this.#forget(keys));
    const views = new ViewRegistry(connection, news, prefix, this, replay.totalBytes);
    const onError = (error: unknown): void => this.#onError(error);
    const pending = new PendingTasks({
      connection,
      tasks,
      index,
      listeners: this.#host.listeners,
      logger: this.#logger,
      retention: this.#retention,
      onError,
    });
    const runner = new TaskRunner({
      connection,
      tasks,
      buffer: new EventBuffer(buffer),
      logger: this.#logger,
      isCancellation,
      news,
      views,
      index,
      pending,
      listeners: this.#host.listeners,
      retention: this.#retention,
    });
    const onGone = (view: RemoteView): void => news.look(tasks.keysOf(taskKey(view.ref)).news);
    const watchers = new WatcherCounts(tasks, 2 * this.#options.lockDuration, onGone, onError);
    const maintenance = new Maintenance({
      connection,
      times: this.#options,
      queues: this.#queues,
      workers: this.#workers,
      index,
      countWatchers: () => [watchers.repeat(), runner.lookForWatchers()],
      limit: () => this.#limit(),
      sweepPending: (queue) => this.#sweepPending(queue),
      onError,
    });
    this.#opened = { connection, news, tasks, index, views, pending, runner, watchers, maintenance };
    try {
      this.#host.types.forEach((type) => this.#add(type));
      await Promise.all([...this.#limit(), ...this.#askTimes()]);
    } catch (error) {
      await this.close();
      throw error;
    }
    maintenance.begin();
  }

  begin(): void {
    this.#hasBegun = true;
    this.#parts.connection.hold();
    for (const worker of this.#workers) worker.begin();
  }

  get #parts(): Opened {
    if (!this.#opened)
      throw new StoreUnavailableError('The application is closed, and so is its connection to Redis');
    return this.#opened;
  }

  #add(type: TaskType): void {
    const { connection, runner } = this.#parts;
    const { prefix, queue: queueOptions, worker: workerOptions } = this.#options;
    const onError = (error: unknown): void => this.#onError(error);
    const queue = new TaskQueue(type, connection, prefix, queueOptions, onError);
    checkName(queue, this.#queues.values());
    this.#queues.set(typeKey(type), queue);
    if (!this.#runs(type)) return;
    const handle = runner.handlerOf(type, queue);
    const worker = new TaskWorker(type, queue, connection, this.#options, workerOptions, handle, onError);
    this.#workers.push(worker);
    if (!this.#hasBegun) return;
    queue.limit(type.options.globalConcurrency).catch(onError);
    queue.store.askTime().catch(onError);
    worker.begin();
  }

  #limit(): Promise<void>[] {
    return this.#host.types.all.map(async (type) =>
      this.#queueOf(type).limit(type.options.globalConcurrency),
    );
  }

  /** From then on each sweep of pending tasks asks. */
  #askTimes(): Promise<void>[] {
    return [...this.#queues.values()].map(({ store }) => store.askTime());
  }

  #runs(type: TaskType): boolean {
    const { run } = this.#options;
    if (typeof run === 'boolean') return run;
    return run.some((each) => this.#host.types.get(each) === type);
  }

  #queueOf(type: { readonly app: string; readonly name: string }): TaskQueue {
    const queue = this.#queues.get(typeKey(type));
    if (!queue) throw new Error(`There is no queue of ${typeKey(type)}`);
    return queue;
  }

  /** Connections fail while Redis is away, and come back. Those who wait for an answer are told. */
  #onError(error: unknown): void {
    if (this.#isClosing) return;
    try {
      this.#logger.debug(`Redis: ${describeErrorInLine(error)}`);
    } catch {
      // A logger that fails fails nothing else.
    }
  }

  async start(task: NewTask): Promise<{ view: RemoteView; created: boolean }> {
    // First: a signal that is not Node's own may throw, and then nothing is kept.
    const signal = new StartSignal(task.signal, taskKey(task.ref), this.#logger, this);
    let isFollowed = false;
    try {
      const { view, created } = await this.#start(task, signal);
      if (created && signal.isAborted) await within(MAX_LOOK, signal.cancel(view));
      isFollowed = created && !signal.isAborted;
      if (isFollowed) signal.follow(view);
      return { view, created };
    } finally {
      if (!isFollowed) signal.letGo();
    }
  }

  /** A task that is to be cancelled at once gets no job. */
  async #start(
    { type, ref, input, options, isNew, restart }: NewTask,
    signal: StartSignal,
  ): Promise<{ view: RemoteView; created: boolean }> {
    const { tasks, index, views, pending, connection } = this.#parts;
    const key = taskKey(ref);
    const keys = tasks.keysOf(key);
    const queue = this.#queueOf(type);
    // A hook of the application may wait for its end.
    if (!this.#hasBegun) this.#workers.find((worker) => worker.queue === queue)?.begin();
    const { maxPending, pendingTimeout, replay } = type.options;
    const { delay = 0, priority = 0, owner, metadata } = options;
    const deadline =
      pendingTimeout === null || pendingTimeout === Infinity ? undefined : delay + pendingTimeout;
    const room = { maxPending, concurrency: concurrencyOf(type), deadline };
    const onAdded = await queue.note(key, room, (other) => tasks.hasEnded(other));
    if (!onAdded) {
      const page = isNew ? undefined : await readTask(connection, keys, 1, 0);
      if (page && !(restart && page.ended)) return { view: views.of(ref, page.record), created: false };
      throw new TooManyTasksError(ref.app, ref.name, maxPending);
    }
    try {
      await index.add(key);
      const epoch = mintEpoch(key);
      const stored = {
        epoch,
        input: input.json,
        inputBytes: input.bytes,
        options: optionsJson(options),
        owner,
        metadata: metadata === undefined ? undefined : toJson(metadata),
        state: type.options.state?.initial,
        limits: replay,
        delay,
        retention: this.#retention,
      };
      const { created, task } = await tasks.start(keys, stored, restart);
      const view = views.of(ref, task);
      if (!created) return { view, created };
      if (restart) await index.restarted(key);
      if (signal.isAborted) return { view, created };
      await queue.add(ref.id, { key, epoch }, { priority, delay });
      // The job of the run before may have been there still.
      if (restart) await pending.onRestart(queue, key);
      pending.onStart(queue, key, pendingTimeout, deadline);
      return { view, created };
    } finally {
      onAdded();
    }
  }

  async find(ref: TaskRef): Promise<RemoteView | undefined> {
    if (!isTaskRef(ref)) return undefined;
    const { tasks, views, connection } = this.#parts;
    const page = await readTask(connection, tasks.keysOf(taskKey(ref)), 1, 0);
    return page && views.of(ref, page.record);
  }

  list(query: TaskQuery, most: number): Promise<TaskListing> {
    return listTasks(this.#parts.index, (ref) => this.find(ref), query, most);
  }

  async reload(view: RemoteView): Promise<void> {
    // After the end the application still sees what was heard last.
    if (!this.#opened) return;
    await this.#parts.watchers.told();
    await this.find(view.ref);
  }

  async cancel(view: RemoteView, { detail, by, grace }: CancelRequest): Promise<CancelAnswer> {
    const { tasks, pending } = this.#parts;
    const reason = {
      kind: 'external' as const,
      ...(detail !== undefined && { detail }),
      ...(by !== undefined && { by }),
    };
    const request = { ...reason, ...(grace !== undefined && { grace }) };
    const terminalJson = terminalEventData({ status: 'cancelled', reason });
    const key = taskKey(view.ref);
    const answer = await tasks.cancel(tasks.keysOf(key), request, terminalJson, view.epoch);
    if (answer === 'cancelled') await pending.onEnd(this.#queues.get(typeKey(view.ref)), key, view.epoch);
    await this.reload(view).catch((error: unknown) => this.#onError(error));
    return answer === 'unknown' || answer === 'another-run' ? 'ended' : answer;
  }

  async signal(view: RemoteView, name: string, json: string): Promise<boolean> {
    const { tasks } = this.#parts;
    const keys = tasks.keysOf(taskKey(view.ref));
    const answer = await tasks.signal(keys, name, json, MAX_WAITING_SIGNALS, view.epoch);
    if (answer === 'too-many') throw tooManyOfName(name);
    if (answer === 'too-many-names') throw tooManyNames(name);
    if (answer === 'too-many-bytes')
      throw noRoomFor(name, json, 'the task has not taken fill its replay.bytes');
    return answer === 'taken';
  }

  get isClosing(): boolean {
    return this.#hasEnded;
  }

  get isClosed(): boolean {
    return this.#opened === undefined;
  }

  onHeld(view: RemoteView): void {
    if (this.#opened) this.#held.add(view);
  }

  onFollowed(view: RemoteView): void {
    this.#opened?.watchers.onFollowed(view);
  }

  onWatched(view: RemoteView): void {
    this.#opened?.watchers.onChange(view);
  }

  async #sweepPending(queue: TaskQueue): Promise<void> {
    const { app, name } = queue.type;
    await this.#parts.pending.sweep(queue, this.#host.types.get({ app, name }).options.pendingTimeout);
  }

  /** Ended tasks of which there are too many: they are listed no more. What is not reached goes after its retention. */
  async #forget(keys: readonly string[]): Promise<void> {
    try {
      const { tasks, index } = this.#parts;
      const forget = async (key: string): Promise<void> => {
        // It was started anew meanwhile.
        if (!(await tasks.forget(tasks.keysOf(key)))) await index.add(key);
      };
      await Promise.all(keys.map(forget));
    } catch (error) {
      this.#onError(error);
    }
  }

  async shutdown(options: Filled<ShutdownOptions>): Promise<EndedTasks> {
    // The application may be closed before it has started.
    if (!this.#opened) return { ...NOTHING_ENDED, left: options.timeout };
    const { runner, watchers, pending } = this.#opened;
    const waiting = options.cancelPending ? pending.cancelStarted() : Promise.resolve(0);
    const ended = await endTasks(runner, this.#workers, options);
    const deadline = clock().now() + ended.left;
    const left = (): number => Math.max(0, deadline - clock().now());
    let cancelled = 0;
    await within(
      Math.max(ended.left, MAX_LOOK),
      waiting.then((count) => (cancelled = count)),
    );
    this.#held.followAll();
    const followed = watchers.followed.map((view) => this.reload(view).catch(() => {}));
    await within(Math.min(left(), MAX_LOOK), Promise.all(followed));
    this.#hasEnded = true;
    return { ...ended, cancelled: ended.cancelled + cancelled, left: left() };
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    const opened = this.#opened;
    if (!opened) return;
    this.#opened = undefined;
    opened.maintenance.close();
    this.#held.close();
    opened.runner.close();
    opened.pending.close();
    opened.news.close();
    for (const queue of this.#queues.values()) void queue.close().catch(() => {});
    for (const worker of this.#workers) worker.destroy();
    opened.connection.close();
  }
}

function typeKey({ app, name }: { readonly app: string; readonly name: string }): string {
  return `${app}:${name}`;
}

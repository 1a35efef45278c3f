import { type JobsOptions, Queue, type QueueOptions } from 'bullmq';
import { TaskTypeConflictError } from '../task/errors.js';
import { taskKey, type TaskTypeRef } from '../task/task-ref.js';
import { QueueStore, type Room } from './redis/queue-store.js';
import type { StoreConnection } from './redis/connection/store-connection.js';

/** What a job says: which task it is of, and which run of that. */
export interface JobData {
  readonly key: string;
  readonly epoch: string;
}

/** When a job is to be worked on. */
export interface JobTiming {
  /** From 0: of those that wait, the highest is next. */
  readonly priority: number;
  /** In how many milliseconds. */
  readonly delay: number;
}

/** BullMQ takes the lowest first, and jobs without a priority before all others. */
const LOWEST_PRIORITY = 1_001;

/** The queue of a task type. */
export class TaskQueue {
  readonly type: TaskTypeRef;
  readonly name: string;
  /** That of BullMQ: with it all keys of the queue share a hash tag. */
  readonly prefix: string;
  readonly store: QueueStore;
  readonly #connection: StoreConnection;
  readonly #queue: Queue<JobData>;

  /**
   * @param prefix of the application
   * @param onError called when a connection fails
   */
  constructor(
    type: TaskTypeRef,
    connection: StoreConnection,
    prefix: string,
    options: Omit<QueueOptions, 'connection'>,
    onError: (error: Error) => void,
  ) {
    this.type = type;
    this.name = `${prefix}.${type.app}.${type.name}`;
    this.prefix = `{${this.name}}`;
    this.#connection = connection;
    this.#queue = new Queue(this.name, {
      ...options,
      connection: connection.client,
      prefix: this.prefix,
      skipWaitingForReady: true,
    });
    this.#queue.on('error', onError);
    this.store = new QueueStore(connection, this.#queue.toKey);
  }

  /**
   * Notes a task that is about to start.
   *
   * @param hasEnded whether the task with this key has ended
   * @see QueueStore.note
   */
  note(
    key: string,
    room: Room,
    hasEnded: (key: string) => Promise<boolean>,
  ): Promise<(() => void) | undefined> {
    const { app, name } = this.type;
    return this.store.note(key, room, (job) => hasEnded(taskKey({ app, name, id: job.replace('#', '') })));
  }

  /** @throws StoreUnavailableError */
  async limit(globalConcurrency: number): Promise<void> {
    await this.#connection.inTime(() =>
      globalConcurrency === Infinity
        ? this.#queue.removeGlobalConcurrency()
        : this.#queue.setGlobalConcurrency(globalConcurrency),
    );
  }

  /**
   * Adds a job, unless one with its id is there.
   *
   * @throws StoreUnavailableError
   */
  add(id: string, data: JobData, { priority, delay }: JobTiming): Promise<unknown> {
    const options: JobsOptions = {
      attempts: 1,
      // Jobs leave nothing behind. Their tasks do, for their retention.
      removeOnComplete: true,
      removeOnFail: true,
      jobId: this.jobIdOf(id),
      priority: LOWEST_PRIORITY - priority,
      delay,
      timestamp: this.store.clock.latest,
    };
    return this.#connection.inTime(() => this.#queue.add(this.type.name, data, options));
  }

  /**
   * The run that the job of a task is of.
   *
   * @throws StoreUnavailableError
   */
  async epochOf(id: string): Promise<string | undefined> {
    const job = await this.#connection.inTime(() => this.#queue.getJob(this.jobIdOf(id)));
    return job?.data.epoch;
  }

  /**
   * Removes the job of a run, unless somebody works on it.
   *
   * @param epoch `undefined` for whichever run has a job
   * @returns whether it is not there any more
   * @throws StoreUnavailableError
   */
  async remove(id: string, epoch: string | undefined): Promise<boolean> {
    if (epoch !== undefined && (await this.epochOf(id)) !== epoch) return true;
    return (await this.#connection.inTime(() => this.#queue.remove(this.jobIdOf(id)))) === 1;
  }

  async close(): Promise<void> {
    await this.#queue.close();
  }

  /** BullMQ refuses whole numbers, and its own keys must not be overwritten. No task's id has a `#`. */
  jobIdOf(id: string): string {
    const isRefused = String(Number.parseInt(id, 10)) === id || Object.hasOwn(this.#queue.keys, id);
    return isRefused ? `#${id}` : id;
  }
}

/**
 * Of apps and names with dots two may make one name: their jobs would be mixed up.
 *
 * @throws TaskTypeConflictError
 */
export function checkName({ name, type }: TaskQueue, others: Iterable<TaskQueue>): void {
  for (const other of others) {
    if (other.name !== name) continue;
    throw new TaskTypeConflictError(
      `The task types ${type.app}/${type.name} and ${other.type.app}/${other.type.name} would share the queue "${name}"; give one of them another "app" or "name" in @StreamTask()`,
    );
  }
}

// Not the globals: a test may have replaced them.
import { clearTimeout, setTimeout } from 'node:timers';
import { type Job, WaitingError, Worker, type WorkerOptions } from 'bullmq';
import { inRootContext } from '../../cancellation/async-context.js';
import type { TaskType } from '../../task-types/task-type.js';
import type { TryEnd } from './owned-run.js';
import type { LockedJob } from '../redis/queue-store.js';
import { redisTimeBackend } from './redis-time-backend.js';
import type { StoreConnection } from '../redis/connection/store-connection.js';
import type { JobData, TaskQueue } from '../task-queue.js';

/** How long a worker waits for a job at once, in seconds. If it misses that there is one, it looks again then. */
const DRAIN_DELAY = 2;

/** The longest wait before a worker asks again, when Redis has failed it, in milliseconds. BullMQ's own are up to 15 s. */
const RETRY_DELAY = 250;

/** How long an instance may need to connect again when Redis is back, in milliseconds. */
const RECONNECT_TIME = 2_000;

/** What timers and answers take, in milliseconds. */
const SLACK = 500;

/** Where a type says nothing, one instance runs so many of its handlers at once. */
const DEFAULT_CONCURRENCY = 100;

/** How many handlers of a type one instance runs at once. */
export function concurrencyOf({ options: { concurrency, globalConcurrency } }: TaskType): number {
  return Math.min(concurrency === Infinity ? DEFAULT_CONCURRENCY : concurrency, globalConcurrency);
}

/** What a handler knows of its job. */
export interface HandledJob {
  /** How often it has been fetched, this time included. */
  readonly fetch: number;
  /** When its lock ends unless it is renewed, in epoch milliseconds of Redis. */
  readonly until: number;
  readonly isLost: boolean;
  /** Called when its lock is lost. */
  onLost: (() => void) | undefined;
}

/** A job that this instance works on. */
class OwnJob implements LockedJob, HandledJob {
  readonly id: string;
  readonly token: string;
  readonly fetch: number;
  readonly until: number;
  onLost: (() => void) | undefined;
  isLost = false;

  constructor({ id = '', attemptsStarted }: Job, token: string, until: number) {
    this.id = id;
    this.token = token;
    this.fetch = attemptsStarted;
    this.until = until;
  }
}

/** BullMQ's, but for its waits: they are short, and do not keep the process alive. */
class PatientWorker extends Worker<JobData> {
  readonly #ends = new Set<() => void>();

  override delay(milliseconds: number = RETRY_DELAY): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => end(), Math.min(milliseconds, RETRY_DELAY)).unref();
      const end = (): void => {
        clearTimeout(timer);
        this.#ends.delete(end);
        resolve();
      };
      this.#ends.add(end);
    });
  }

  /** Waits for nothing any more: its connections are gone. */
  async destroy(): Promise<void> {
    for (const end of this.#ends) end();
    const client = await this.getBackend().blockingClient;
    client?.disconnect();
  }
}

/** Works on a job, and says what becomes of it. */
export type JobHandler = (data: JobData, job: HandledJob) => Promise<TryEnd>;

/** Times of leases, in milliseconds. */
export interface LeaseTimes {
  readonly lockDuration: number;
  readonly stalledInterval: number;
}

/** Takes the jobs of one task type. */
export class TaskWorker {
  readonly queue: TaskQueue;
  readonly #connection: StoreConnection;
  readonly #times: LeaseTimes;
  readonly #handle: JobHandler;
  readonly #make: () => PatientWorker;
  readonly #onError: (error: unknown) => void;
  #worker: PatientWorker | undefined;
  readonly #jobs = new Set<OwnJob>();
  #isClosing = false;

  constructor(
    type: TaskType,
    queue: TaskQueue,
    connection: StoreConnection,
    times: LeaseTimes,
    options: Omit<WorkerOptions, 'connection'>,
    handle: JobHandler,
    onError: (error: unknown) => void,
  ) {
    this.queue = queue;
    this.#onError = onError;
    this.#connection = connection;
    this.#times = times;
    this.#handle = handle;
    const all: WorkerOptions = {
      drainDelay: DRAIN_DELAY,
      ...options,
      connection: connection.client,
      prefix: queue.prefix,
      concurrency: concurrencyOf(type),
      autorun: false,
      lockDuration: times.lockDuration,
      stalledInterval: times.stalledInterval,
      // A job goes back to the queue as often as it must: what that means for its task is decided when it is claimed.
      maxStalledCount: Number.MAX_SAFE_INTEGER,
      // One timer of the instance does it for all its workers.
      skipLockRenewal: true,
      skipStalledCheck: true,
    };
    this.#make = () => {
      const backend = redisTimeBackend(queue.store.clock);
      const worker = new PatientWorker(
        queue.name,
        (job, token) => this.#process(job, token ?? ''),
        all,
        backend,
      );
      return worker.on('error', onError);
    };
  }

  /** Not before it connects: its connection keeps the process alive. */
  begin(): void {
    if (this.#isClosing || this.#worker) return;
    inRootContext(() => {
      this.#worker = this.#make();
      // Before it has any: what lost instances have left is to be found soon.
      this.reviveJobs().catch(this.#onError);
      this.#worker.run().catch(() => {});
    });
  }

  /** @throws StoreUnavailableError */
  async renewLocks(): Promise<void> {
    // The newest first: a job may have come back here, and its earlier run must not take the lock.
    const jobs = [...this.#jobs].filter(({ isLost }) => !isLost).toReversed();
    if (jobs.length === 0) return;
    for (const job of await this.queue.store.renew(jobs, this.#times.lockDuration)) {
      if (!this.#jobs.has(job)) continue;
      job.isLost = true;
      job.onLost?.();
    }
  }

  /**
   * Gives the jobs of lost instances to others.
   *
   * @throws StoreUnavailableError
   */
  async reviveJobs(): Promise<void> {
    const backend = this.#worker?.getBackend();
    if (!backend) return;
    const { lockDuration, stalledInterval } = this.#times;
    // After a longer pause Redis was away, or no instance was there: then locks could not be renewed.
    const most = Math.max(lockDuration / 2, 1.25 * stalledInterval);
    const wait = Math.max(lockDuration / 2, RECONNECT_TIME) + SLACK;
    if (!(await this.queue.store.mayRevive(most, wait))) return;
    await this.#connection.inTime(() => backend.moveStalledJobsToWait());
  }

  /** Takes no more jobs. Those that it has go on. Resolves when it has none. */
  async close(): Promise<void> {
    this.#isClosing = true;
    await this.#worker?.close();
  }

  /** Gives up its connections, whatever it is doing. */
  destroy(): void {
    this.#worker?.destroy().catch(() => {});
  }

  /** What it returns or throws tells BullMQ what becomes of the job. */
  async #process(job: Job<JobData>, token: string): Promise<void> {
    try {
      // It was on its way when the instance began to close.
      if (this.#isClosing) await this.#giveBack(job, token);
      else if (await this.#hasEnded(job, token)) return;
    } catch (error) {
      // BullMQ deletes a job that has failed, and its task may go on. Without an end its lock lapses, and it is revived.
      this.#onError(error);
    }
    throw new WaitingError();
  }

  /** Works on a job, and gives it back unless its task has ended. */
  async #hasEnded(job: Job<JobData>, token: string): Promise<boolean> {
    const { now, latest } = this.queue.store.clock;
    // Not earlier: it was locked when it had been asked for.
    const until = (job.processedOn ?? now) + latest - now + this.#times.lockDuration;
    const own = new OwnJob(job, token, until);
    this.#jobs.add(own);
    let end: TryEnd;
    try {
      end = await this.#handle(job.data, own);
    } finally {
      this.#jobs.delete(own);
    }
    if (end.kind === 'ended') return !own.isLost;
    // With a lock that is lost there is nothing to say: the job is another instance's.
    if (end.kind === 'lost' || own.isLost) return false;
    if (end.delay > 0) await job.moveToDelayed(Date.now() + end.delay, token);
    else await this.#giveBack(job, token);
    return false;
  }

  async #giveBack(job: Job<JobData>, token: string): Promise<void> {
    await job.moveToWait(token);
    // BullMQ wakes no worker for a job with a priority that goes back, and all have one.
    this.queue.store.wakeWorker();
  }
}

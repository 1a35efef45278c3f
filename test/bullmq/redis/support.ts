import { terminalStatuses } from '../../../lib/task/task-status.js';
import { afterEach } from '@jest/globals';
import type { CancelReason } from '../../../lib/cancellation/cancel-reason.js';
import { EventBuffer, type EventBufferLimits } from '../../../lib/bullmq/redis/event-buffer.js';
import type { JournalRun, Release, TaskLease } from '../../../lib/bullmq/redis/journal-run.js';
import { RedisJournal } from '../../../lib/bullmq/redis/redis-journal.js';
import { readTask } from '../../../lib/bullmq/redis/redis-log-source.js';
import { RedisNews } from '../../../lib/bullmq/redis/redis-news.js';
import { type NewStoredTask, RedisTasks } from '../../../lib/bullmq/redis/redis-tasks.js';
import {
  StoreConnection,
  type StoreConnectionOptions,
} from '../../../lib/bullmq/redis/connection/store-connection.js';
import type { StoredRequest } from '../../../lib/bullmq/redis/stored-request.js';
import type { StoredTask } from '../../../lib/bullmq/redis/stored-task.js';
import type { TaskKeys } from '../../../lib/bullmq/redis/task-keys.js';
import { mintEpoch } from '../../../lib/log/wire/epoch.js';
import type { LogPage } from '../../../lib/log/read/log-source.js';
import type { DecidedEnd, EndingTask, Written } from '../../../lib/log/run-journal.js';
import type { TaskRecord } from '../../../lib/task/task-record.js';
import type { TerminalStatus } from '../../../lib/task/task-status.js';
import { describeWithRedis, type RedisServer } from '../../support/programs/redis.js';

/** One instance of an application, as far as its store goes. */
export class Instance {
  readonly connection: StoreConnection;
  readonly tasks: RedisTasks;
  readonly news: RedisNews;
  readonly buffer: EventBuffer;

  constructor(connection: StoreConnection, limits: EventBufferLimits) {
    this.connection = connection;
    this.tasks = new RedisTasks(connection, 'test');
    this.news = new RedisNews(connection);
    this.buffer = new EventBuffer(limits);
  }

  /** Registers a task and claims it. */
  async claimNew(task?: Partial<NewStoredTask>): Promise<{ keys: TaskKeys; lease: TaskLease }> {
    const key = newKey();
    const keys = this.tasks.keysOf(key);
    await this.tasks.start(keys, newTask(key, task), false);
    return { keys, lease: await this.claim(keys) };
  }

  /** @throws where there is nothing to claim */
  async claim(keys: TaskKeys, resumable = false): Promise<TaskLease> {
    const { epoch } = (await this.read(keys))!.record;
    const claim = await this.tasks.claim(keys, epoch, resumable);
    if (!('lease' in claim)) throw new Error(`The task is ${claim.verdict}`);
    return claim.lease;
  }

  journal(lease: TaskLease, run = new FakeRun()): RedisJournal {
    return new RedisJournal(this.connection, lease, this.buffer, run);
  }

  read(keys: TaskKeys): Promise<LogPage<StoredTask> | undefined> {
    return readTask(this.connection, keys, 1, 1 << 30);
  }

  async typesIn(keys: TaskKeys): Promise<string[]> {
    return (await this.read(keys))!.events.map(({ type }) => type);
  }

  close(): void {
    this.news.close();
    this.connection.close();
  }
}

/** What a journal asks of its run and tells it. */
export class FakeRun implements JournalRun {
  progress = 'null';
  cancellation: CancelReason | undefined;
  isHandedOver = false;
  instead: Release | undefined;
  readonly requests: StoredRequest[] = [];
  readonly failures: unknown[] = [];
  losses = 0;
  decisions = 0;
  /** What it ends as when it is asked again. */
  secondEnd: TerminalStatus = 'cancelled';

  /** Whether its outcome stands. */
  isDecided = false;

  onRequests(requests: readonly StoredRequest[]): boolean {
    if (this.isDecided) return false;
    this.requests.push(...requests);
    return true;
  }

  onLost(): void {
    this.losses++;
  }

  onFailure(error: unknown): void {
    this.failures.push(error);
  }

  factsOf(): string {
    return '{}';
  }

  goesOn(): boolean {
    return this.instead !== undefined;
  }

  insteadOf(): Release | undefined {
    return this.instead;
  }

  /** Whether the state behind the event of a release cannot be folded. */
  isBroken = false;

  folded(release: Release): Release | undefined {
    return this.isBroken ? undefined : release;
  }

  decideAgain({ record }: DecidedEnd, requests: readonly StoredRequest[]): DecidedEnd {
    this.decisions++;
    this.requests.push(...requests);
    const [first] = this.requests;
    const cancellation = first ? { kind: first.kind } : null;
    return {
      type: this.secondEnd,
      json: '{"again":true}',
      record: { ...record, status: this.secondEnd, cancellation },
    };
  }
}

/** A task as its journal sees it at the end. */
export function ending(record: Partial<TaskRecord> = {}): EndingTask {
  return {
    record: {
      app: 'test',
      name: 'work',
      id: 'one',
      status: 'completed',
      attempt: 1,
      createdAt: '',
      startedAt: null,
      endedAt: null,
      progress: null,
      finalValue: null,
      error: null,
      publicError: null,
      cancellation: null,
      lastEventId: null,
      watchers: 0,
      ...record,
    },
  };
}

let keyCount = 0;

export function newKey(): string {
  return `test:work:${++keyCount}`;
}

export function newTask(key: string, task: Partial<NewStoredTask> = {}): NewStoredTask {
  return {
    epoch: mintEpoch(key),
    input: '{"rows":3}',
    options: '{}',
    owner: undefined,
    metadata: undefined,
    limits: { events: 1_000, bytes: 1 << 20 },
    delay: 0,
    retention: 60_000,
    ...task,
  };
}

export interface Store {
  readonly server: RedisServer;
  /** Another instance, which is closed after the test. */
  open(options?: StoreConnectionOptions, limits?: EventBufferLimits): Promise<Instance>;
}

/** A suite on a Redis of its own. */
export function describeStore(
  name: string,
  fn: (store: Store) => void,
  settings: readonly string[] = [],
): void {
  describeWithRedis(name, settings, (server) => {
    const instances: Instance[] = [];
    afterEach(() => {
      for (const instance of instances.splice(0)) instance.close();
    });
    fn({
      server,
      async open(options, limits = { events: 10_000, bytes: 16 << 20 }) {
        const { host, port } = server;
        const connection = await StoreConnection.open(options ?? { host, port }, () => undefined);
        const instance = new Instance(connection, limits);
        instances.push(instance);
        return instance;
      },
    });
  });
}

/** Waits until all of it is in Redis, or its journal writes no more. */
export async function allWritten(written: Iterable<Written>): Promise<void> {
  for (const one of written) await one;
}

export function count(length: number): number[] {
  return Array.from({ length }, (_item, n) => n);
}

/** Those of these types that end a task. */
export function endsOf(types: readonly string[]): string[] {
  return types.filter((type) => (terminalStatuses as readonly string[]).includes(type));
}

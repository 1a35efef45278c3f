import { Injectable } from '@nestjs/common';
import { setTimeout as delay } from 'node:timers/promises';
import { clock } from '../../../lib/cancellation/time/clock.js';
import { LocalEngine } from '../../../lib/engine/local/local-engine.js';
import type { NewTask } from '../../../lib/engine/new-task.js';
import type { EndedTasks, TaskEngine, TaskListing, TaskQuery } from '../../../lib/engine/task-engine.js';
import type { TaskView } from '../../../lib/engine/task-view.js';
import type { LogCursor } from '../../../lib/log/read/log-cursor.js';
import { LogWindow } from '../../../lib/log/read/log-window.js';
import type { TaskLog } from '../../../lib/log/task-log.js';
import type { TaskRun } from '../../../lib/run/task-run.js';
import type { TaskOutcome } from '../../../lib/task/task-outcome.js';
import { Connection, pageOf, RemoteLog, takeTime } from '../remote-log.js';
import { type Deferred, deferred, withTimeout } from '../wait.js';
import { ViewOfRun } from './view-of-run.js';

/** What decides how long messages take, and when the connection is lost. `LOG_SEED` sets it, to run a failed test again. */
export const logSeed = Number(process.env['LOG_SEED'] ?? Math.floor(Math.random() * 1e6));

const realClock = clock();

/** A page holds some events, and a window some pages. */
const windowOptions = { pageBytes: 1_024, bytes: 8_192 };

/** How long an end waits for those who read it, in milliseconds. */
const MAX_READ = 1_000;

/** A task that runs here, watched as if it ran elsewhere. */
class RemoteView extends ViewOfRun {
  readonly #window: LogWindow<unknown>;
  readonly #log: TaskLog;
  readonly #readers = new Set<LogCursor>();
  readonly #read: Set<RemoteView>;
  #onAllRead: Deferred<void> | undefined;

  /** @param read those that subscribers of this process read */
  constructor(run: TaskRun, connection: Connection, read: Set<RemoteView>) {
    super(run);
    this.#read = read;
    this.#log = run.log as TaskLog;
    this.#window = new LogWindow<unknown>(
      new RemoteLog(this.#log, connection),
      pageOf(this.#log, Infinity),
      windowOptions,
    );
  }

  get log(): LogWindow<unknown> {
    return this.#window;
  }

  /** Subscribers of this process have read the end by then. */
  override get outcome(): Promise<TaskOutcome> {
    return this.#untilRead();
  }

  override attach(reader?: LogCursor): void {
    if (reader) {
      this.#readers.add(reader);
      this.#read.add(this);
    }
    super.attach();
  }

  override detach(reader?: LogCursor): void {
    if (reader && this.#readers.delete(reader) && this.#readers.size === 0) {
      this.#read.delete(this);
      this.#onAllRead?.resolve();
      this.#onAllRead = undefined;
    }
    super.detach();
  }

  /** Nobody here watches it any more. */
  async allRead(): Promise<void> {
    if (this.#readers.size === 0) return;
    this.#onAllRead ??= deferred();
    await withTimeout(this.#onAllRead.promise, MAX_READ, 'those who read it').catch(() => undefined);
  }

  async #untilRead(): Promise<TaskOutcome> {
    const outcome = await super.outcome;
    await this.allRead();
    return outcome;
  }

  /** What is known of the log is as new as this call. */
  async refresh(connection: Connection): Promise<void> {
    const state = pageOf(this.#log, Infinity);
    await arrive(connection);
    this.log.update(state);
  }
}

/**
 * Runs tasks in this process, and has them watched as if they ran elsewhere: logs are read in pages that take up to 20 ms, over
 * a connection that is lost now and then.
 */
@Injectable()
export class RemoteEngine implements TaskEngine {
  readonly #connection = unsteadyConnection();
  readonly #views = new WeakMap<TaskRun, RemoteView>();
  readonly #read = new Set<RemoteView>();

  readonly where = 'as if elsewhere';

  constructor(private readonly local: LocalEngine) {}

  open(): void {}
  begin(): void {}
  close(): void {}

  start(task: NewTask): { view: TaskView; created: boolean } {
    const { view, created } = this.local.start(task);
    return { view: this.#viewOf(view), created };
  }

  async find(ref: TaskView['ref']): Promise<TaskView | undefined> {
    await arrive(this.#connection);
    const run = this.local.find(ref);
    const view = run && this.#viewOf(run);
    await view?.refresh(this.#connection);
    return view;
  }

  list(query: TaskQuery, most: number): TaskListing {
    return this.local.list(query, most);
  }

  /** Those who watch have read the ends by then. */
  async shutdown(options: Parameters<TaskEngine['shutdown']>[0]): Promise<EndedTasks> {
    const ended = await this.local.shutdown(options);
    await Promise.all([...this.#read].map((view) => view.allRead()));
    return ended;
  }

  #viewOf(run: TaskRun): RemoteView {
    let view = this.#views.get(run);
    if (!view) this.#views.set(run, (view = new RemoteView(run, this.#connection, this.#read)));
    return view;
  }
}

/** Lost twice in a second or so, for some milliseconds. */
function unsteadyConnection(): Connection {
  const random = randomFrom(logSeed);
  let lostAt = performance.now() + 500 * random();
  const connection = new Connection(async () => {
    if (performance.now() >= lostAt) {
      lostAt = performance.now() + 1_000 * random();
      connection.lose();
      setTimeout(() => connection.restore(), 30 * random()).unref();
    }
    await takeTime(delay(10 * random(), undefined, { ref: false }));
    // While time stands still for the package, it would not try again.
    if (clock() !== realClock) connection.restore();
  });
  return connection;
}

/** Settles when a message has come to the other side, however often it has to be sent. */
async function arrive(connection: Connection): Promise<void> {
  await connection.pass().catch(() => arrive(connection));
}

/** Mulberry32: numbers from 0 to 1 that look random, and are the same for the same seed. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}

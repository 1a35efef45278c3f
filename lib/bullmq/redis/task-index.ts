import { setImmediate } from 'node:timers';
import { inRootContext } from '../../cancellation/async-context.js';
import {
  dueTasks,
  listEnds,
  listTasks,
  pageOfTasks,
  relistTasks,
  unlistTasks,
} from './scripts/index-scripts.js';
import type { Script } from './scripts/script.js';
import type { StoreConnection } from './connection/store-connection.js';
import { indexKeysOf, keysOf } from './task-keys.js';

/** A task in the list. */
export interface ListedTask {
  readonly key: string;
  /** When it was listed, in epoch milliseconds of Redis: the list goes by it. */
  readonly time: number;
}

/** How many tasks are looked at in one sweep, of each kind. */
const SWEEP_LENGTH = 100;

/** A task that was listed so long ago, in milliseconds, and is not there, is not about to start. */
const START_TIME = 60_000;

/** What waits to be written in one call. */
interface Waiting {
  readonly args: (string | number)[];
  readonly written: Promise<void>;
}

/**
 * The list of all tasks, of all instances. It is written beside the tasks: a task is listed before it starts, and stays listed for a
 * while when it is gone. So a reader of the list looks whether each task is there.
 */
export class TaskIndex {
  readonly #connection: StoreConnection;
  readonly #prefix: string;
  readonly #keys: readonly string[];
  readonly #mostEnded: number;
  readonly #onExcess: (keys: readonly string[]) => void;
  readonly #waiting = new Map<Script, Waiting>();
  /** Where the next sweep goes on. */
  #sweptTo: ListedTask | undefined;

  /**
   * @param mostEnded how many ended tasks are kept
   * @param onExcess called with the oldest where there are more; they are listed no more
   */
  constructor(
    connection: StoreConnection,
    prefix: string,
    mostEnded: number,
    onExcess: (keys: readonly string[]) => void,
  ) {
    this.#connection = connection;
    this.#prefix = prefix;
    this.#keys = indexKeysOf(prefix);
    this.#mostEnded = mostEnded;
    this.#onExcess = onExcess;
  }

  /**
   * Lists a task that is about to start.
   *
   * @throws StoreUnavailableError
   */
  add(key: string): Promise<void> {
    return this.#write(listTasks, [key]);
  }

  /**
   * Puts a task first that was started anew.
   *
   * @throws StoreUnavailableError
   */
  restarted(key: string): Promise<void> {
    return this.#write(relistTasks, [key]);
  }

  /**
   * A task has ended: it goes from the list after its retention.
   *
   * @throws StoreUnavailableError
   */
  ended(key: string, retention: number): Promise<void> {
    return this.#write(listEnds, [key, retention]);
  }

  /**
   * Takes tasks from the list that are gone.
   *
   * @throws StoreUnavailableError
   */
  async remove(keys: readonly string[]): Promise<void> {
    if (keys.length > 0) await this.#run(unlistTasks, keys);
  }

  /**
   * Tasks from the newest on; some may be gone.
   *
   * @param behind the page begins behind this one
   * @throws StoreUnavailableError
   */
  async page(behind: ListedTask | undefined, limit: number): Promise<ListedTask[]> {
    const flat = (await this.#run(pageOfTasks, [behind?.time ?? '', behind?.key ?? '', limit])) as string[];
    const page: ListedTask[] = [];
    for (let at = 0; at < flat.length; at += 2)
      page.push({ key: flat[at] ?? '', time: Number(flat[at + 1]) });
    return page;
  }

  /**
   * Looks for tasks that are gone, some at a time: those whose retention is over, and any whose instance was lost before it could say
   * that they ended.
   *
   * @throws StoreUnavailableError
   */
  async sweep(): Promise<void> {
    const due = (await this.#run(dueTasks, [SWEEP_LENGTH])) as string[];
    const page = await this.page(this.#sweptTo, SWEEP_LENGTH);
    this.#sweptTo = page.length === SWEEP_LENGTH ? page.at(-1) : undefined;
    const [seconds] = await this.#connection.inTime(() => this.#connection.client.time());
    const settled = page.filter(({ time }) => time < Number(seconds) * 1_000 - START_TIME);
    const keys = new Set([...due, ...settled.map(({ key }) => key)]);
    const gone = await Promise.all([...keys].map(async (key) => ((await this.#isThere(key)) ? [] : [key])));
    await this.remove(gone.flat());
  }

  async #isThere(key: string): Promise<boolean> {
    const { record } = keysOf(this.#prefix, key);
    return (await this.#connection.inTime(() => this.#connection.client.exists(record))) === 1;
  }

  /** What is written in one turn goes in one call. */
  #write(script: Script, args: readonly (string | number)[]): Promise<void> {
    const waiting = this.#waiting.get(script);
    if (waiting) {
      waiting.args.push(...args);
      return waiting.written;
    }
    const all = [...args];
    const written = inRootContext(
      () =>
        new Promise<void>((resolve, reject) => {
          setImmediate(() => {
            this.#waiting.delete(script);
            this.#writeNow(script, all).then(resolve, reject);
          });
        }),
    );
    this.#waiting.set(script, { args: all, written });
    return written;
  }

  async #writeNow(script: Script, args: readonly (string | number)[]): Promise<void> {
    if (script !== listEnds) await this.#run(script, args);
    else {
      const excess = (await this.#run(script, [this.#mostEnded, ...args])) as string[];
      if (excess.length > 0) this.#onExcess(excess);
    }
  }

  #run(script: Script, args: readonly (string | number)[]): Promise<unknown> {
    return this.#connection.inTime(() => script.run(this.#connection.client, this.#keys, args));
  }
}

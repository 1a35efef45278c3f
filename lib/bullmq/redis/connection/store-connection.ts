// Not the globals, nor the coordinator's clock: a test may have replaced these, and Redis keeps its own time.
import { clearTimeout, setTimeout } from 'node:timers';
import { StoreUnavailableError } from '../../errors.js';
import { Answers, isLost, unavailable } from './answers.js';
import { checkServer } from './check-server.js';
import { explain, isFinal, placeOf, saysWhy } from './connection-failure.js';
import type { StoreConnectionOptions } from './connection-options.js';
import { joinWrites } from './join-writes.js';
import { commandClient, hideMemoryPolicy, newsClient } from './redis-clients.js';
import type { RedisClient, Script } from '../scripts/script.js';
import { SocketHold } from './socket-hold.js';
import type { TaskKeys } from '../task-keys.js';

export type { StoreConnectionOptions };

/** How long a start of the application waits for Redis, in milliseconds. */
const START_TIMEOUT = 8_000;

/** When a start that waits for Redis says so, in milliseconds. A blip is no news. */
const START_NOTICE = 1_000;

/** How long what somebody waits for may take, in milliseconds. */
const ASK_TIMEOUT = 4_000;

/**
 * The two connections of an instance to Redis: one for commands, one that hears news. Both come back by themselves. What was on its
 * way when one was lost is sent again.
 */
export class StoreConnection {
  readonly client: RedisClient;
  readonly subscriber: RedisClient;
  readonly #sockets: SocketHold;
  readonly #answers = new Answers(ASK_TIMEOUT);
  #publish: 'PUBLISH' | 'SPUBLISH' = 'PUBLISH';
  #isClosed = false;
  /** Those who wait for Redis to come back. */
  readonly #waiting = new Set<() => void>();

  /**
   * Connects, and checks that this Redis will do. The connections do not keep the process alive until `hold`.
   *
   * @param warn called with what a person should know of
   * @param timeout how long it may take, in milliseconds
   * @throws StoreUnavailableError that names host and port, and never a password
   */
  static async open(
    options: StoreConnectionOptions,
    warn: (message: string) => void,
    timeout = START_TIMEOUT,
  ): Promise<StoreConnection> {
    const connection = new StoreConnection(options);
    try {
      await connection.#start(warn, timeout);
      return connection;
    } catch (error) {
      connection.close();
      // Without a cause: ioredis puts the command on its errors, and that of `AUTH` has the password.
      throw new StoreUnavailableError(`Redis at ${connection.place} cannot be used: ${explain(error)}`);
    }
  }

  private constructor(options: StoreConnectionOptions) {
    this.client = commandClient(options);
    this.subscriber = newsClient(options);
    joinWrites(this.client);
    this.#sockets = new SocketHold([this.client, this.subscriber]);
    // Without a listener ioredis writes each failure to the console. Those who wait for an answer are told of it.
    for (const client of [this.client, this.subscriber]) client.on('error', ignore);
  }

  async #start(warn: (message: string) => void, timeout: number): Promise<void> {
    const clients = [this.client, this.subscriber];
    let newest = new Error('it does not answer');
    let onError: (error: Error) => void = ignore;
    const timers: NodeJS.Timeout[] = [];
    const failed = new Promise<never>((_resolve, reject) => {
      const tellWait = (): void => warn(`Waiting for Redis at ${this.place}: ${explain(newest)}`);
      timers.push(
        setTimeout(() => reject(newest), timeout),
        setTimeout(tellWait, START_NOTICE),
      );
      onError = (error) => {
        if (saysWhy(error)) newest = error;
        if (isFinal(error)) reject(error);
      };
      for (const client of clients) client.on('error', onError).on('node error', onError);
    });
    const started = this.#check(clients, warn);
    started.catch(ignore);
    try {
      await Promise.race([started, failed]);
    } finally {
      for (const timer of timers) clearTimeout(timer);
      for (const client of clients) client.off('error', onError).off('node error', onError);
    }
  }

  async #check(clients: readonly RedisClient[], warn: (message: string) => void): Promise<void> {
    await Promise.all(clients.map(whenReady));
    const { isClustered, major } = await checkServer(this.client, warn);
    hideMemoryPolicy(this.client);
    // In a cluster every node hears what is published, unless it is published to a shard.
    if (isClustered && major >= 7) this.#publish = 'SPUBLISH';
  }

  /** The application has started: from now on the connections keep the process alive. */
  hold(): void {
    this.#sockets.hold();
  }

  /** They do so no longer: the application ends. */
  letGo(): void {
    this.#sockets.letGo();
  }

  /** Host and port. */
  get place(): string {
    return placeOf(this.client);
  }

  /** Whether news are published to the shard of a task, and have to be heard there. */
  get isSharded(): boolean {
    return this.#publish === 'SPUBLISH';
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Runs a script on the keys of a task, as soon as Redis can be reached. */
  run(script: Script, keys: TaskKeys, args: readonly (string | number)[]): Promise<unknown> {
    const { record, log, requests, signals, news, watchers } = keys;
    return script.run(
      this.client,
      [record, log, requests, signals, news, watchers],
      [this.#publish, ...args],
    );
  }

  /**
   * The same for somebody who waits for the answer.
   *
   * @throws StoreUnavailableError when there is none in time; the script may have run, or may still run
   */
  ask(script: Script, keys: TaskKeys, args: readonly (string | number)[]): Promise<unknown> {
    return this.inTime(() => this.run(script, keys, args));
  }

  /** @throws StoreUnavailableError */
  inTime<Result>(command: () => Promise<Result>): Promise<Result> {
    // Before that a timer of its own keeps the process alive, as nothing else may, until there is an answer.
    if (this.client.status !== 'ready' || !this.#sockets.isHeld) return this.#whenReady(command);
    return this.#answers.inTime(command);
  }

  async #whenReady<Result>(command: () => Promise<Result>): Promise<Result> {
    let timer: NodeJS.Timeout | undefined;
    const timeUp = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(unavailable()), ASK_TIMEOUT);
      if (this.#sockets.isHeld) timer.unref();
    });
    try {
      // While it is away nothing is queued for it: it would be done long after the caller has given up.
      if (this.client.status !== 'ready') await this.#untilReady(timeUp);
      const answer = command();
      answer.catch(ignore);
      return await Promise.race([answer, timeUp]);
    } catch (error) {
      throw isLost(error) ? unavailable(error) : error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** One listener for all who wait. Who has given up is not kept. */
  async #untilReady(timeUp: Promise<never>): Promise<void> {
    let onReady = ignore;
    const ready = new Promise<void>((resolve) => {
      onReady = resolve;
    });
    if (this.#waiting.size === 0) this.client.once('ready', this.#onReady);
    this.#waiting.add(onReady);
    try {
      await Promise.race([ready, timeUp]);
    } finally {
      this.#waiting.delete(onReady);
      if (this.#waiting.size === 0) this.client.off('ready', this.#onReady);
    }
  }

  readonly #onReady = (): void => {
    for (const onReady of this.#waiting) onReady();
    this.#waiting.clear();
  };

  close(): void {
    this.#isClosed = true;
    this.subscriber.disconnect();
    this.client.disconnect();
  }
}

function whenReady(client: RedisClient): Promise<void> {
  return new Promise((resolve) => {
    client.once('ready', resolve);
  });
}

function ignore(): void {}

import { setImmediate } from 'node:timers';
import { inRootContext } from '../../cancellation/async-context.js';
import { Timer } from '../../cancellation/time/timer.js';
import type { StoreConnection } from './connection/store-connection.js';

/** Called when something was published, and when the channel is heard, at first or again: something may have been missed before. */
export type NewsListener = (message: string | undefined) => void;

/** The wait before channels are asked for again that Redis has refused, in milliseconds. */
const RETRY_DELAY = 1_000;

/** Channels in one command, where they may be in one. */
const CHANNELS_AT_ONCE = 1_000;

/**
 * What is published, for all who listen in this process, on one connection. Whatever happens to that: who listens is called when it is
 * heard again.
 */
export class RedisNews {
  readonly #connection: StoreConnection;
  readonly #listeners = new Map<string, Set<NewsListener>>();
  /** Those that Redis was asked for on this connection. */
  readonly #heard = new Set<string>();
  /** Those of instances: they are heard on every node of a cluster. */
  readonly #unsharded = new Set<string>();
  /** Channels that are asked for or given up next. */
  readonly #changed = new Set<string>();
  #isChanging = false;
  #retry: Timer | undefined;
  #isClosed = false;

  constructor(connection: StoreConnection) {
    this.#connection = connection;
    const { subscriber } = connection;
    subscriber.on('message', this.#onMessage);
    subscriber.on('smessage', this.#onMessage);
    subscriber.on('ready', this.#onReconnect);
    // A cluster hears news on connections of its own, and subscribes again itself.
    subscriber.on('subscribersReady', this.#onReconnect);
    subscriber.on('+subscriber', this.#onReconnect);
  }

  /** Listens to the news of a task. */
  onTask(channel: string, listener: NewsListener): Disposable {
    return this.#listen(channel, listener);
  }

  /** Listens to what is said to an instance. */
  onInstance(channel: string, listener: NewsListener): Disposable {
    this.#unsharded.add(channel);
    return this.#listen(channel, listener);
  }

  /** Has those who listen here look, though nothing was published. */
  look(channel: string): void {
    this.#call(channel);
  }

  close(): void {
    this.#isClosed = true;
    this.#retry?.clear();
    this.#listeners.clear();
    const { subscriber } = this.#connection;
    subscriber.off('message', this.#onMessage);
    subscriber.off('smessage', this.#onMessage);
    for (const event of ['ready', 'subscribersReady', '+subscriber'])
      subscriber.off(event, this.#onReconnect);
  }

  #listen(channel: string, listener: NewsListener): Disposable {
    const listeners = this.#listeners.get(channel) ?? new Set();
    this.#listeners.set(channel, listeners.add(listener));
    this.#change(channel);
    return {
      [Symbol.dispose]: () => {
        listeners.delete(listener);
        if (listeners.size > 0 || this.#listeners.get(channel) !== listeners) return;
        this.#listeners.delete(channel);
        this.#change(channel);
      },
    };
  }

  readonly #onMessage = (channel: string, message: string): void => {
    this.#call(channel, message);
  };

  readonly #onReconnect = (): void => {
    this.#heard.clear();
    for (const channel of this.#listeners.keys()) this.#changed.add(channel);
    this.#changeSoon();
  };

  #call(channel: string, message?: string): void {
    for (const listener of this.#listeners.get(channel) ?? []) listener(message);
  }

  #change(channel: string): void {
    this.#changed.add(channel);
    this.#changeSoon();
  }

  /** Many streams open or end in one turn. */
  #changeSoon(): void {
    if (this.#isChanging || this.#isClosed || this.#changed.size === 0) return;
    this.#isChanging = true;
    inRootContext(() => setImmediate(() => void this.#changeAll()));
  }

  async #changeAll(): Promise<void> {
    const changed = [...this.#changed];
    this.#changed.clear();
    const wanted = changed.filter((channel) => this.#listeners.has(channel));
    const unwanted = changed.filter((channel) => !this.#listeners.has(channel) && this.#heard.has(channel));
    try {
      await this.#give(unwanted);
      await this.#ask(wanted.filter((channel) => !this.#heard.has(channel)));
      for (const channel of wanted) this.#call(channel);
    } catch {
      for (const channel of changed) this.#changed.add(channel);
      this.#retryLater();
    } finally {
      this.#isChanging = false;
    }
    if (!this.#retry) this.#changeSoon();
  }

  async #ask(channels: readonly string[]): Promise<void> {
    const { subscriber } = this.#connection;
    const [plain, sharded] = this.#byKind(channels);
    for (const channel of channels) this.#heard.add(channel);
    try {
      await Promise.all([
        ...inGroups(plain, CHANNELS_AT_ONCE).map((group) => subscriber.subscribe(...group)),
        // Those of one command must be of one shard.
        ...sharded.map((channel) => subscriber.ssubscribe(channel)),
      ]);
    } catch (error) {
      for (const channel of channels) this.#heard.delete(channel);
      throw error;
    }
  }

  async #give(channels: readonly string[]): Promise<void> {
    const { subscriber } = this.#connection;
    const [plain, sharded] = this.#byKind(channels);
    for (const channel of channels) this.#heard.delete(channel);
    await Promise.all([
      ...inGroups(plain, CHANNELS_AT_ONCE).map((group) => subscriber.unsubscribe(...group)),
      ...sharded.map((channel) => subscriber.sunsubscribe(channel)),
    ]);
  }

  #byKind(channels: readonly string[]): [plain: string[], sharded: string[]] {
    const isSharded = (channel: string): boolean =>
      this.#connection.isSharded && !this.#unsharded.has(channel);
    return [channels.filter((channel) => !isSharded(channel)), channels.filter(isSharded)];
  }

  #retryLater(): void {
    if (this.#isClosed) return;
    this.#retry = new Timer(RETRY_DELAY, () => {
      this.#retry = undefined;
      this.#changeSoon();
    }).unref();
  }
}

function inGroups(channels: readonly string[], length: number): string[][] {
  const groups: string[][] = [];
  for (let at = 0; at < channels.length; at += length) groups.push(channels.slice(at, at + length));
  return groups;
}

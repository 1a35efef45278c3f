import type { LogBroadcast } from '../broadcast/log-broadcast.js';
import { chunkBytes } from '../output/response-writer.js';
import { type ConnectionInit, StreamConnection } from './stream-connection.js';
import { lengthOf, type StreamMessage } from './stream-message.js';
import { type FeedReader, TaskSubscription } from './task-subscription.js';
import type { WatchedTask } from '../watched-task.js';

/** How the events of several tasks are told apart on one stream; not used for one of one task. */
export interface Envelope {
  /**
   * To be called once, before anything is read.
   *
   * @param feeds of the tasks that can be watched, in their order
   * @returns what comes before all else
   */
  begin(feeds: readonly TaskSubscription[]): readonly StreamMessage[];
  /** The message that a feed has just given, as it goes out. */
  wrap(message: StreamMessage, feed: TaskSubscription): StreamMessage;
}

/**
 * A stream that shares no chunks with others: of many tasks, whose ids are its own, or one whose events pass through
 * interceptors.
 */
export abstract class FeedConnection extends StreamConnection implements FeedReader {
  readonly #feeds: readonly TaskSubscription[];
  readonly #envelope: Envelope | undefined;
  /** Which feed begins the next turn, so that no task keeps the others waiting. */
  #turn = 0;

  constructor(
    init: ConnectionInit,
    tasks: readonly WatchedTask[],
    broadcastOf: (task: WatchedTask) => LogBroadcast,
    envelope: Envelope | undefined,
  ) {
    super(init);
    this.#envelope = envelope;
    this.#feeds = tasks.map((task) => new TaskSubscription(task, broadcastOf(task), this));
  }

  /** Writes some events, that follow each other, at once. */
  protected abstract send(messages: readonly StreamMessage[]): void;

  protected begin(): void {
    const notices = this.#envelope?.begin(this.#feeds) ?? [];
    if (notices.length > 0) this.send(notices);
    for (const feed of this.#feeds) feed.schedule();
  }

  resume(): void {
    const feeds = this.#feeds;
    this.#turn = (this.#turn + 1) % feeds.length;
    for (let n = 0; n < feeds.length; n++) feeds[(this.#turn + n) % feeds.length]?.resume();
  }

  protected detach(): void {
    for (const feed of this.#feeds) feed.close();
  }

  read(feed: TaskSubscription): boolean {
    if (!this.isOpen || this.isBlocked) return false;
    const messages = this.#take(feed);
    if (messages.length > 0) this.send(messages);
    if (this.isBlocked) return false;
    if (feed.cursor.hasNext) return true;
    this.output.flush();
    if (feed.done && this.isDone) this.complete();
    return false;
  }

  /** Whether everything was read and nothing will follow. */
  protected get isDone(): boolean {
    return this.#feeds.every(({ done }) => done);
  }

  /** Which logs are read here. */
  protected get epochs(): readonly string[] {
    return this.#feeds.map(({ run }) => run.log.epoch);
  }

  #take(feed: TaskSubscription): StreamMessage[] {
    const messages: StreamMessage[] = [];
    for (let length = 0; length < chunkBytes;) {
      const next = feed.next();
      if (!next) break;
      const message = this.#envelope?.wrap(next, feed) ?? next;
      messages.push(message);
      length += lengthOf(message);
    }
    return messages;
  }
}

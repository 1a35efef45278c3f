import type { Socket } from 'node:net';
import type { Subscription } from 'rxjs';
import { Timer } from '../../../cancellation/time/timer.js';
import type { LogReader } from '../../../log/read/log-reader.js';
import type { SubscribedStream, TaskSubscription } from '../connection/task-subscription.js';
import { ChunkReader, type SharedChunk } from './chunk-reader.js';
import type { Flush, FlushQueue } from './flush-queue.js';

/** Goes once over all that are there when it begins. It may be cut short, and goes on where it was. */
interface Round {
  readonly subscriptions: IterableIterator<TaskSubscription>;
  /** So many are left: those that come back meanwhile would prolong it. */
  left: number;
}

/** So many are written to before it is asked whether the time is over: asking costs a tenth of a write. */
const WRITES_PER_LOOK = 8;

/** How long those that open share what they replay, in milliseconds: a turn of the event loop opens few, a second thousands. */
const SHARE_TIME = 50;

/**
 * Writes the events of one run to all that watch it. However many they are, an event wakes it once for all of them.
 *
 * It writes in rounds. In each, every subscription gets one chunk, from where it stands: nearly all stand at the same position,
 * and get the same Buffer. One that must wait for its client is not looked at meanwhile, so an event costs nothing for those
 * that are blocked.
 */
export class LogBroadcast {
  readonly chunks: ChunkReader;
  readonly #subscriptions = new Set<TaskSubscription>();
  readonly #blocked = new Set<TaskSubscription>();
  readonly #queue: FlushQueue;
  readonly #onEmpty: () => void;
  readonly #news: Subscription;
  #round: Round | undefined;
  readonly #ended: SubscribedStream[] = [];
  /** Whether another round is to follow: those that had their turn in this one may have more to read. */
  #isStale = false;
  #isQueued = false;
  #isForgetting = false;

  /** @param onEmpty called once the last subscription has left: it takes no other one */
  constructor(log: LogReader, queue: FlushQueue, onEmpty: () => void = () => {}) {
    this.chunks = new ChunkReader(log);
    this.#queue = queue;
    this.#onEmpty = onEmpty;
    this.#news = log.subscribe(() => this.schedule());
  }

  get size(): number {
    return this.#subscriptions.size + this.#blocked.size;
  }

  /** All that read it, those that wait for their clients too. */
  *subscriptions(): Generator<TaskSubscription, void> {
    yield* this.#subscriptions;
    yield* this.#blocked;
  }

  add(subscription: TaskSubscription): void {
    this.#subscriptions.add(subscription);
  }

  /**
   * Lets a subscription that has just opened catch up at once: what it replays leaves with the headers. What others that open
   * soon after it read from the same place is made once.
   */
  open(subscription: TaskSubscription): void {
    this.#catchUp(subscription);
    if (this.#isForgetting || !this.chunks.isHeld) return;
    this.#isForgetting = true;
    new Timer(SHARE_TIME, this.#forget).unref();
  }

  remove(subscription: TaskSubscription): void {
    this.#subscriptions.delete(subscription);
    this.#blocked.delete(subscription);
    if (this.size > 0) return;
    this.#news.unsubscribe();
    this.#onEmpty();
  }

  /** Has all of them write what is new, in this turn. */
  schedule(): void {
    this.#isStale = true;
    if (!this.#isQueued) this.#enqueue();
  }

  #enqueue(): void {
    this.#isQueued = true;
    this.#queue.add(this.#flush);
  }

  /** Goes on with the round, or begins one. What comes to the log later wakes it, so it is not queued again for that. */
  readonly #flush: Flush = (isOver) => {
    // Also when it throws: the next event has to queue it.
    this.#isQueued = false;
    let hasThrown = true;
    try {
      if (this.#write((this.#round ??= this.#begin()), isOver)) this.#endRound();
      hasThrown = false;
    } finally {
      // The others of its round have no other turn if that was the last event.
      if (hasThrown && !this.#isQueued) this.#enqueue();
    }
    // What came meanwhile may have done so.
    if (this.#isQueued) return false;
    this.#isQueued = this.#round !== undefined || this.#isStale;
    return this.#isQueued;
  };

  /** A subscription that was blocked goes on, as its client has taken something. */
  resume(subscription: TaskSubscription): void {
    if (this.#blocked.delete(subscription)) this.#subscriptions.add(subscription);
    if (this.#subscriptions.has(subscription)) this.#catchUp(subscription);
    this.chunks.forget();
  }

  readonly #forget = (): void => {
    this.#isForgetting = false;
    this.chunks.forget();
  };

  #begin(): Round {
    this.#isStale = false;
    // That of one that opened may end before the newest event.
    this.chunks.forget();
    return { subscriptions: this.#subscriptions.values(), left: this.#subscriptions.size };
  }

  #endRound(): void {
    this.#round = undefined;
    this.chunks.forget();
    if (this.#ended.length > 0) this.#queue.complete(this.#ended.splice(0));
  }

  /** @returns whether it came to the end */
  #write(round: Round, isOver: () => boolean): boolean {
    let written = 0;
    for (const subscription of round.subscriptions) {
      round.left--;
      const { socket, cursor } = subscription;
      // Other code may have ended the response, and its end may be what waits there: its connection has to look.
      const chunk = socket?.writableLength === 0 ? this.chunks.at(cursor) : undefined;
      if (
        socket &&
        chunk &&
        (chunk.isLast ? this.#end(subscription, chunk) : this.#share(subscription, socket, chunk))
      ) {
        if (++written % WRITES_PER_LOOK > 0) continue;
      } else if (this.#advance(subscription)) {
        this.#isStale = true;
      }
      if (isOver() || round.left <= 0) return round.left <= 0;
    }
    return true;
  }

  #share({ cursor }: TaskSubscription, socket: Socket, { framed, to, isFull }: SharedChunk): true {
    // If it asks to wait, its connection finds out when there is more.
    socket.write(framed);
    cursor.skipTo(to);
    if (isFull) this.#isStale = true;
    return true;
  }

  /** The last event leaves with the end of the response. Its subscription stays until that is completed, and reads nothing. */
  #end(subscription: TaskSubscription, { withEnd, to }: SharedChunk): boolean {
    const { stream, cursor } = subscription;
    if (!stream.writeEnd(withEnd)) return false;
    subscription.uncount();
    cursor.skipTo(to);
    this.#ended.push(stream);
    return true;
  }

  #catchUp(subscription: TaskSubscription): void {
    while (this.#advance(subscription));
  }

  #advance(subscription: TaskSubscription): boolean {
    const { stream } = subscription;
    const hasMore = stream.read(subscription);
    if (stream.isBlocked && this.#subscriptions.delete(subscription)) this.#blocked.add(subscription);
    return hasMore;
  }
}

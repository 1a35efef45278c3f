import type { Socket } from 'node:net';
import type { Subscription } from 'rxjs';
import { Timer } from '../../../cancellation/time/timer.js';
import type { TaskView } from '../../../engine/task-view.js';
import type { LogCursor } from '../../../log/log-cursor.js';
import type { StreamConnection } from '../connection/stream-connection.js';
import { GapWriter } from '../gap-writer.js';
import type { WatchedTask } from '../watched-task.js';
import { ChunkReader, type SharedChunk } from './chunk-reader.js';
import type { FlushQueue } from './flush-queue.js';

/** Reads a log for one client. */
export interface BroadcastReader {
  readonly cursor: LogCursor;
  /** Set where shared chunks may go to it as they are. */
  readonly socket: Socket | undefined;
  /** Whether it waits for its client. It comes back by `resume`. */
  readonly isBlocked: boolean;
  /**
   * Takes one chunk, if its client does.
   *
   * @returns whether it can take another one now
   */
  flush(): boolean;
  /**
   * Writes the last bytes of its response, with their end, if they may go to its socket as they are.
   *
   * @returns what is to be completed, if it did
   */
  writeEnd?(bytes: Buffer): StreamConnection | undefined;
}

/** Goes once over all that are there when it begins. It may be cut short, and goes on where it was. */
interface Round {
  readonly readers: IterableIterator<BroadcastReader>;
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
 * It writes in rounds. In each, every reader gets one chunk, from where it stands: nearly all stand at the same place, and
 * get the same Buffer. One that must wait for its client is not looked at meanwhile, so an event costs nothing for those
 * that are blocked.
 */
export class LogBroadcast {
  readonly chunks: ChunkReader;
  readonly #run: TaskView;
  readonly #readers = new Set<BroadcastReader>();
  readonly #blocked = new Set<BroadcastReader>();
  readonly #gaps: GapWriter;
  readonly #queue: FlushQueue;
  readonly #onEmpty: () => void;
  readonly #subscription: Subscription;
  #round: Round | undefined;
  /** Those whose last bytes are out. */
  readonly #ended: StreamConnection[] = [];
  /** Whether another round is to follow: those that had their turn in this one may have more to read. */
  #isStale = false;
  #isQueued = false;
  #isForgetting = false;

  /**
   * @param onEmpty called once the last reader has left: it takes no other one
   */
  constructor(run: TaskView, queue: FlushQueue, onEmpty: () => void = () => {}) {
    this.chunks = new ChunkReader(run.log);
    this.#gaps = new GapWriter(run);
    this.#run = run;
    this.#queue = queue;
    this.#onEmpty = onEmpty;
    this.#subscription = run.log.subscribe(() => this.schedule());
  }

  get size(): number {
    return this.#readers.size + this.#blocked.size;
  }

  /** Nearly all watchers may not see the owner, and share one. */
  gapsFor({ showsPrivate }: WatchedTask): GapWriter {
    return showsPrivate ? new GapWriter(this.#run, true) : this.#gaps;
  }

  add(reader: BroadcastReader): void {
    this.#readers.add(reader);
  }

  /**
   * Lets a reader that has just opened catch up at once: what it replays leaves with the headers. What others that open
   * soon after it read from the same place is made once.
   */
  open(reader: BroadcastReader): void {
    this.#catchUp(reader);
    if (this.#isForgetting || !this.chunks.isHeld) return;
    this.#isForgetting = true;
    new Timer(SHARE_TIME, this.#forget).unref();
  }

  remove(reader: BroadcastReader): void {
    this.#readers.delete(reader);
    this.#blocked.delete(reader);
    if (this.size > 0) return;
    this.#subscription.unsubscribe();
    this.#onEmpty();
  }

  /** Lets the readers write, in this turn. */
  schedule(): void {
    this.#isStale = true;
    if (!this.#isQueued) this.#enqueue();
  }

  #enqueue(): void {
    this.#isQueued = true;
    this.#queue.add(this.#flush);
  }

  /**
   * Goes on with the round, or begins one.
   *
   * @param isOver whether it has taken long enough for one turn of the event loop
   * @returns whether it is to be queued again. Not because there is more in the log: that may come later, and wakes it
   */
  readonly #flush = (isOver: () => boolean): boolean => {
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

  /** A reader that was blocked goes on, as its client has taken something. */
  resume(reader: BroadcastReader): void {
    if (this.#blocked.delete(reader)) this.#readers.add(reader);
    if (this.#readers.has(reader)) this.#catchUp(reader);
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
    return { readers: this.#readers.values(), left: this.#readers.size };
  }

  #endRound(): void {
    this.#round = undefined;
    this.chunks.forget();
    if (this.#ended.length > 0) this.#queue.complete(this.#ended.splice(0));
  }

  /** @returns whether it came to the end */
  #write(round: Round, isOver: () => boolean): boolean {
    let written = 0;
    for (const reader of round.readers) {
      round.left--;
      const { socket } = reader;
      // Other code may have ended the response, and its end may be what waits there: its reader has to look.
      const chunk = socket?.writableLength === 0 ? this.chunks.at(reader.cursor) : undefined;
      if (socket && chunk && (chunk.isLast ? this.#end(reader, chunk) : this.#share(reader, socket, chunk))) {
        if (++written % WRITES_PER_LOOK > 0) continue;
      } else if (this.#advance(reader)) {
        this.#isStale = true;
      }
      if (isOver() || round.left <= 0) return round.left <= 0;
    }
    return true;
  }

  #share({ cursor }: BroadcastReader, socket: Socket, { framed, to, isFull }: SharedChunk): true {
    // If it asks to wait, its reader finds out when there is more.
    socket.write(framed);
    cursor.skipTo(to);
    if (isFull) this.#isStale = true;
    return true;
  }

  /** The last event leaves with the end of the response. Its reader stays until that is completed, and reads nothing. */
  #end(reader: BroadcastReader, { withEnd, to }: SharedChunk): boolean {
    const ending = reader.writeEnd?.(withEnd);
    if (!ending) return false;
    reader.cursor.skipTo(to);
    this.#ended.push(ending);
    return true;
  }

  #catchUp(reader: BroadcastReader): void {
    while (this.#advance(reader));
  }

  #advance(reader: BroadcastReader): boolean {
    const hasMore = reader.flush();
    if (reader.isBlocked && this.#readers.delete(reader)) this.#blocked.add(reader);
    return hasMore;
  }
}

import type { Socket } from 'node:net';
import type { Subscription } from 'rxjs';
import { Timer } from '../../../cancellation/time/timer.js';
import type { TaskRun } from '../../../coordinator/run/task-run.js';
import { type EventChunk, withLastChunk } from '../../../log/event-chunk.js';
import { LogCursor } from '../../../log/log-cursor.js';
import { GapWriter } from '../gap-writer.js';
import type { WatchedTask } from '../watched-task.js';
import { ChunkReader } from './chunk-reader.js';
import type { Ending } from './end-queue.js';
import type { FlushQueue } from './flush-queue.js';

/** Reads a log at the hub. */
export interface HubReader {
  /** Whether it waits for its client. It comes back by the hub's `resume`. */
  readonly isBlocked: boolean;
  /**
   * Takes what there is up to `seq`, as far as its client does.
   *
   * @returns the socket, when it has come to that place and what follows may go there as it is
   */
  flush(seq: number): Socket | undefined;
  /** From here on it reads for itself, from behind `seq`. */
  fallBehind(seq: number): void;
  /**
   * Writes the last bytes of its response, with their end, if they may go to its socket as they are.
   *
   * @returns what is to be completed, if it did
   */
  writeEnd?(bytes: Buffer): Ending | undefined;
}

/** One chunk for those in step, then what is missing for the others. It may be cut short, and goes on where it was. */
interface Round {
  readonly framed: Buffer | undefined;
  /** Whether nothing follows the chunk. */
  readonly done: boolean;
  /** Then the chunk with the end of the response behind it. */
  readonly end: Buffer | undefined;
  /** The `seq` before the chunk, and that of its last event. */
  readonly from: number;
  readonly to: number;
  readonly inStep: IterableIterator<Socket>;
  readonly apart: IterableIterator<HubReader>;
}

/** So many are written to before the hub looks whether its time is over: asking costs a tenth of a write. */
const writesPerLook = 8;

/** How long those that open share what they replay, in milliseconds: a turn of the event loop opens few, a second thousands. */
const shareTime = 50;

/**
 * All connections that watch one run. However many they are, an event wakes the hub once for all of them.
 *
 * Those that have taken all there was are in step: they share the hub's cursor, and each chunk goes straight to their
 * sockets. One that must wait for its client falls behind, and reads by a cursor of its own until it has caught up. While
 * it waits it is not looked at, so an event costs nothing for those that are blocked.
 */
export class StreamHub {
  readonly chunks = new ChunkReader();
  readonly #run: TaskRun;
  readonly #cursor: LogCursor;
  readonly #inStep = new Map<Socket, HubReader>();
  readonly #apart = new Set<HubReader>();
  readonly #blocked = new Set<HubReader>();
  readonly #gaps: GapWriter;
  readonly #queue: FlushQueue;
  readonly #onEmpty: () => void;
  readonly #subscription: Subscription;
  /** The round of writing that goes on, as it was cut short. */
  #round: Round | undefined;
  /** Those in step whose last bytes it has written. */
  readonly #ended: Ending[] = [];
  #isWriting = false;
  #isStale = false;
  #isQueued = false;
  #isForgetting = false;

  /**
   * @param onEmpty called once the last reader has left: it takes no other one
   */
  constructor(run: TaskRun, queue: FlushQueue, onEmpty: () => void = () => {}) {
    this.#gaps = new GapWriter(run);
    this.#run = run;
    this.#queue = queue;
    this.#onEmpty = onEmpty;
    this.#cursor = new LogCursor(run.log, { after: run.log.lastSeq });
    this.#subscription = run.log.subscribe(() => this.schedule());
  }

  get size(): number {
    return this.#inStep.size + this.#apart.size + this.#blocked.size;
  }

  /** Nearly all watchers may not see the owner, and share one. */
  gapsFor({ mayKnow }: WatchedTask): GapWriter {
    return mayKnow ? new GapWriter(this.#run, true) : this.#gaps;
  }

  add(reader: HubReader): void {
    this.#apart.add(reader);
  }

  /**
   * Lets a reader that has just opened catch up at once: what it replays leaves with the headers. What others that open
   * soon after it read from the same place is made once.
   */
  open(reader: HubReader): void {
    this.#catchUp(reader);
    if (this.#isForgetting || !this.chunks.isHeld) return;
    this.#isForgetting = true;
    new Timer(shareTime, this.#forget).unref();
  }

  /**
   * @param socket where it was in step, if it was
   */
  remove(reader: HubReader, socket: Socket | undefined): void {
    this.#apart.delete(reader);
    this.#blocked.delete(reader);
    if (socket && this.#inStep.get(socket) === reader) this.#inStep.delete(socket);
    if (this.size > 0) return;
    this.#subscription.unsubscribe();
    this.#onEmpty();
  }

  /** Lets the connections write, in this turn. */
  schedule(): void {
    // Those that had their turn in a round that goes on have not seen what is new.
    this.#isStale = true;
    if (this.#isQueued) return;
    this.#isQueued = true;
    this.#queue.add(this);
  }

  /**
   * Writes to every connection what it has not got.
   *
   * @param isOver whether it has taken long enough for one turn of the event loop
   * @returns whether it is to be queued again
   */
  flush(isOver: () => boolean): boolean {
    // Also when it throws: the next event has to queue it.
    this.#isQueued = false;
    const round = (this.#round ??= this.#begin());
    if (this.#writeInStep(round, isOver) && this.#catchUpApart(round, isOver)) {
      this.#round = undefined;
      this.chunks.forget();
    }
    // What came meanwhile may have done so.
    if (this.#isQueued) return false;
    this.#isQueued = this.#round !== undefined || this.#isStale || this.#cursor.hasNext;
    return this.#isQueued;
  }

  /** A reader that fell behind goes on, as its client has taken something. */
  resume(reader: HubReader): void {
    if (this.#blocked.delete(reader)) this.#apart.add(reader);
    if (this.#apart.has(reader)) this.#catchUp(reader);
    this.chunks.forget();
  }

  readonly #forget = (): void => {
    this.#isForgetting = false;
    this.chunks.forget();
  };

  #begin(): Round {
    this.#isStale = false;
    const from = this.#cursor.after;
    const framed = this.#nextChunk()?.framed;
    const { done } = this.#cursor;
    return {
      framed,
      done,
      end: done && framed ? withLastChunk(framed) : undefined,
      from,
      to: this.#cursor.after,
      // By its keys alone: pairs would be made for each write, and the readers need not be touched.
      inStep: this.#inStep.keys(),
      apart: this.#apart.values(),
    };
  }

  /** @returns whether it came to the end */
  #writeInStep({ framed, done, end, from, to, inStep }: Round, isOver: () => boolean): boolean {
    if (!framed && !done) return true;
    let written = 0;
    this.#isWriting = true;
    for (const socket of inStep) {
      // Other code may have ended the response, and its end may be what waits there: its reader has to look.
      if (socket.writableLength > 0) this.#setApart(socket, from);
      // The last event leaves with the end of the response.
      else if (done) this.#end(socket, end, from);
      else if (framed && !socket.write(framed)) this.#setApart(socket, to);
      if (++written % writesPerLook === 0 && isOver()) return false;
    }
    this.#isWriting = false;
    if (this.#ended.length > 0) this.#queue.end(this.#ended.splice(0));
    return true;
  }

  /** @returns whether it came to the end */
  #catchUpApart({ apart }: Round, isOver: () => boolean): boolean {
    for (const reader of apart) {
      this.#catchUp(reader);
      if (isOver()) return false;
    }
    return true;
  }

  #nextChunk(): EventChunk | undefined {
    if (this.#inStep.size > 0) return this.chunks.read(this.#cursor, this.#gaps);
    // Without a reader in step nothing is encoded.
    this.#cursor.skipTo(this.#run.log.lastSeq);
    return undefined;
  }

  #catchUp(reader: HubReader): void {
    const socket = reader.flush(this.#cursor.after);
    if (reader.isBlocked) {
      if (this.#apart.delete(reader)) this.#blocked.add(reader);
      return;
    }
    // While a chunk is being written, it is unknown whether this reader has had it.
    if (!socket || this.#isWriting || !this.#apart.delete(reader)) return;
    this.#inStep.set(socket, reader);
  }

  #end(socket: Socket, end: Buffer | undefined, from: number): void {
    const reader = this.#inStep.get(socket) as HubReader;
    const ending = end && reader.writeEnd?.(end);
    if (!ending) {
      this.#setApart(socket, from);
      return;
    }
    this.#inStep.delete(socket);
    // It is here until it is completed, and reads nothing.
    this.#blocked.add(reader);
    this.#ended.push(ending);
  }

  #setApart(socket: Socket, seq: number): void {
    const reader = this.#inStep.get(socket) as HubReader;
    this.#inStep.delete(socket);
    this.#apart.add(reader);
    reader.fallBehind(seq);
  }
}

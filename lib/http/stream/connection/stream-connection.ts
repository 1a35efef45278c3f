import type { ServerResponse } from 'node:http';
import type { MessageEvent } from '@nestjs/common';
import { AsyncContext } from '../../../cancellation/async-context.js';
import { clock } from '../../../cancellation/time/clock.js';
import { chunkOf, type EventChunk } from '../../../log/wire/event-chunk.js';
import { formatFrame } from '../../../log/wire/event-frame.js';
import { abortResponse } from '../output/abort-response.js';
import type { NestReceiver } from '../output/nest-writer.js';
import { ownCarrier, type StreamCarrier } from '../output/stream-carrier.js';
import { ResponseWriter } from '../output/response-writer.js';
import type { StreamMessage, TaskSubscription } from './task-subscription.js';

/**
 * So many writes of its session may begin until what waits for a client over HTTP/2 is in one of them. If it is not, the
 * client's window does not let it.
 */
const MAX_SESSION_WRITES = 2;

const HEARTBEAT = chunkOf(':\n');

export interface ConnectionInit {
  readonly response: ServerResponse;
  readonly carrier: StreamCarrier;
  readonly greeting: EventChunk;
  /** When it must end even if more events follow, on the monotonic clock. */
  readonly endsAt: number | undefined;
  /** Who watches, where that is asked for and known. */
  readonly watcher?: string | undefined;
}

/**
 * One watcher over HTTP. It reads by cursors, as fast as its client takes what it writes: a client that does not read
 * holds back its own cursors, and nothing else.
 */
export abstract class StreamConnection implements NestReceiver {
  protected abstract readonly tasks: readonly TaskSubscription[];
  protected readonly output: ResponseWriter;
  protected isOpen = false;
  #isClosed = false;
  readonly response: ServerResponse;
  /** Who watches. No event asks for it. */
  readonly watcher: string | undefined;
  readonly #carrier: StreamCarrier;
  readonly #greeting: EventChunk;
  readonly #endsAt: number | undefined;
  /** That of the request, for interceptors and for what listens to the response. It ends with the response. */
  readonly #context = new AsyncContext();
  #taken = 0;
  #waiting = 0;
  #queued: unknown;
  #handed: unknown;
  /** Writes of the session that were begun since the client has taken something. */
  #writes = 0;
  #progressAt = clock().now();
  /** Which task is read first the next time, so that none keeps the others waiting. */
  #turn = 0;

  constructor({ response, carrier, greeting, endsAt, watcher }: ConnectionInit) {
    this.response = response;
    this.watcher = watcher;
    this.#carrier = carrier;
    carrier.attach(this);
    this.#greeting = greeting;
    this.#endsAt = endsAt;
    this.output = new ResponseWriter(response, () => this.#resume());
  }

  /** The headers are out: from here on this connection writes for itself. */
  open(): void {
    this.isOpen = true;
    this.output.write(this.#greeting);
    this.#carrier.release();
    this.begin();
  }

  /** Takes nothing that interceptors emit: they see no events. An empty comment is Nest's, which looks for the client. */
  receive({ comment }: MessageEvent): void {
    if (comment === '') this.beat();
  }

  /** Ends the response, once what was written to it is taken. */
  complete(): void {
    if (this.#isClosed) return;
    this.within(() => this.#carrier.complete(this));
  }

  /** As `ResponseWriter.writeEnd`. What is left to do comes with `complete`. */
  writeEnd(bytes: Buffer): boolean {
    // Nest ends the response by itself.
    const isWritten = this.#carrier === ownCarrier && this.output.writeEnd(bytes, () => this.complete());
    if (isWritten) this.isOpen = false;
    return isWritten;
  }

  endResponse(): void {
    this.output.end();
  }

  /** Runs `body` in the async context of the request. */
  within(body: () => void): void {
    this.#context.run(body);
  }

  /** Cuts it off. If it were ended, the response would keep what the client does not read. */
  abort(): void {
    this.within(() => abortResponse(this.response));
  }

  beat(): void {
    if (!this.isOpen || this.isBlocked) return;
    this.output.write(HEARTBEAT);
    this.output.flush();
  }

  /** Whether a task of it goes on, though this process ends. */
  get isLeft(): boolean {
    return this.tasks.some(({ view }) => view.isLeft === true);
  }

  /**
   * Ends it before its task has: its client comes back to another process.
   *
   * @param retry when it is to come back, in milliseconds
   */
  sendAway(retry: number): void {
    if (this.isOpen && !this.isBlocked) this.output.write(chunkOf(`retry: ${retry}\n`));
    this.complete();
  }

  isOld(now: number): boolean {
    return this.isOpen && this.#endsAt !== undefined && now >= this.#endsAt;
  }

  /** Whether the client has taken nothing of what waits for it for `stallTimeout`, also after the end. */
  isStalled(now: number, stallTimeout: number): boolean {
    // Behind a pipelined request it waits for its turn, not for the client.
    const waiting = this.output.hasTurn ? this.output.waiting : 0;
    const { taken, queued, handed } = this.output;
    const isTaking = waiting === 0 || waiting < this.#waiting || taken > this.#taken;
    if (isTaking) this.#writes = 0;
    else if (handed !== this.#handed) this.#writes++;
    const isUnderWay = queued !== this.#queued && this.#writes <= MAX_SESSION_WRITES;
    if (isTaking || isUnderWay) this.#progressAt = now;
    this.#waiting = waiting;
    this.#taken = taken;
    this.#queued = queued;
    this.#handed = handed;
    return now - this.#progressAt >= stallTimeout;
  }

  get isBlocked(): boolean {
    return this.output.isBlocked;
  }

  /** Writes what comes next of one of its tasks, if the client takes it, and says whether it can take more now. */
  read(task: TaskSubscription): boolean {
    this.output.checkSocket();
    if (!this.isOpen || this.isBlocked) return false;
    // The last event and the end of the response leave together.
    return task.view.log.ended ? this.output.asOneWrite(() => this.#read(task)) : this.#read(task);
  }

  /** Writes and reads nothing more. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.isOpen = false;
    this.output.close();
    for (const task of this.tasks) task.close();
  }

  protected abstract begin(): void;
  /** Writes what comes next of a task: a chunk, or less. */
  protected abstract writeNext(task: TaskSubscription): void;

  protected writeMessages(messages: readonly StreamMessage[]): void {
    const frames = messages.map(({ type, json, id }) => formatFrame(type, json, id));
    this.output.write(chunkOf(frames.join('')));
  }

  protected get isDone(): boolean {
    return this.tasks.every(({ cursor }) => cursor.done);
  }

  /** Goes on: the client has taken what we waited for. */
  #resume(): void {
    const { tasks } = this;
    this.#turn = (this.#turn + 1) % tasks.length;
    for (let n = 0; n < tasks.length; n++) {
      const task = tasks[(this.#turn + n) % tasks.length];
      task?.broadcast.resume(task);
    }
  }

  #read(task: TaskSubscription): boolean {
    this.writeNext(task);
    if (this.isBlocked) return false;
    if (task.cursor.hasNext) return true;
    this.output.flush();
    if (task.cursor.done && this.isDone) this.complete();
    return false;
  }
}

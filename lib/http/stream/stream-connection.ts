import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Subscriber } from 'rxjs';
import { clock } from '../../cancellation/clock.js';
import { LogCursor, type LogGap, type LogPosition } from '../../log/log-cursor.js';
import type { TaskRun } from '../../coordinator/run/task-run.js';
import { EventChunk } from './event-chunk.js';
import { gapFrame } from './gap-frame.js';
import type { HubReader, StreamHub } from './stream-hub.js';
import { StreamOutput } from './stream-output.js';

const heartbeat = EventChunk.of(':\n');

/** What a connection is opened with. */
export interface StreamInit {
  readonly run: TaskRun;
  readonly position: LogPosition;
  readonly response: ServerResponse;
  /** Whether the gap that the stream begins with may say whose the task is. */
  readonly mayKnow: boolean;
  /** What clients are told to wait before they come back, in milliseconds. */
  readonly retry: number;
}

/**
 * One watcher over HTTP: writes what comes after its cursor, in one piece per turn of the event loop, as fast as the
 * client takes it. A client that does not read holds back its own cursor, and nothing else.
 */
export class StreamConnection implements HubReader {
  readonly #run: TaskRun;
  readonly #hub: StreamHub;
  readonly #cursor: LogCursor;
  readonly #response: ServerResponse;
  readonly #output: StreamOutput;
  readonly #retry: number;
  #mayKnow: boolean;
  readonly #stream: Subscriber<never>;
  #open = false;
  #taken = 0;
  #queued: unknown;
  #progressAt = clock().now();

  /**
   * @param stream the life of Nest's `@Sse()` stream: completing it ends the response
   */
  constructor(init: StreamInit, hub: StreamHub, stream: Subscriber<never>) {
    const { run, position, response, retry, mayKnow } = init;
    this.#run = run;
    this.#hub = hub;
    this.#cursor = new LogCursor(run.log, position);
    this.#response = response;
    this.#output = new StreamOutput(response, () => hub.resume(this));
    this.#retry = retry;
    this.#mayKnow = mayKnow;
    this.#stream = stream;
    hub.add(this);
    // Nest looks at the socket alone; the response may end before it, by other hands.
    const complete = (): void => stream.complete();
    response.once('close', complete);
    stream.add(() => response.removeListener('close', complete));
    stream.add(run.attach());
    stream.add(() => {
      this.#open = false;
      this.#output.close();
      hub.remove(this, this.#output.socket);
    });
  }

  /** The headers are out: from here on this connection writes for itself. */
  open(): void {
    this.#open = true;
    this.#output.write(EventChunk.of(`retry: ${this.#retry}\n: connected\n`));
    // With all that open in this turn: those at the same place share what is written.
    this.#hub.schedule();
  }

  beat(): void {
    if (this.#open && !this.#output.isBlocked) this.#output.write(heartbeat);
  }

  flush(seq: number): Socket | undefined {
    while (this.#open && !this.#output.isBlocked) {
      const chunk = this.#hub.chunks.read(this.#cursor, this.#gapFrame, seq);
      if (chunk) {
        this.#output.write(chunk);
        continue;
      }
      if (this.#cursor.done) this.#stream.complete();
      return this.#open && this.#cursor.position === seq ? this.#output.socket : undefined;
    }
    return undefined;
  }

  fallBehind(seq: number): void {
    this.#cursor.skipTo(seq);
    this.#output.checkSocket();
  }

  /**
   * Gives the client up when it has taken nothing of what waits for it for `stallTimeout`, also after the end.
   * Destroyed, not ended: an ended response would keep what the client does not read.
   */
  checkProgress(now: number, stallTimeout: number): void {
    // Behind a pipelined request it waits for its turn, not for the client.
    const waiting = this.#output.hasTurn ? this.#output.waiting : 0;
    const { taken, queued } = this.#output;
    if (waiting === 0 || taken > this.#taken || queued !== this.#queued) {
      this.#taken = taken;
      this.#queued = queued;
      this.#progressAt = now;
    } else if (now - this.#progressAt >= stallTimeout) {
      this.#response.destroy();
    }
  }

  readonly #gapFrame = (gap: LogGap): Buffer => {
    const frame = gapFrame(this.#run, gap, this.#mayKnow);
    // Asked when the stream began: nobody knows what the answer is when it falls behind.
    this.#mayKnow = false;
    return frame;
  };
}

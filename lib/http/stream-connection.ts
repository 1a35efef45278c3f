import type { ServerResponse } from 'node:http';
import type { Subscriber } from 'rxjs';
import { encodeFrame } from '../log/event-frame.js';
import { LogCursor, type LogPosition } from '../log/log-cursor.js';
import { LogEntry } from '../log/log-entry.js';
import type { TaskRun } from '../coordinator/run/task-run.js';
import { toJson } from '../task/json.js';
import { publicSnapshot } from './public-snapshot.js';

/** What is written at once: what the response takes before it asks to wait, and about all that is held for a client. */
const chunkBytes = 16 * 1024;
const heartbeat = Buffer.from(':\n');

/** What a connection is opened with. */
export interface StreamInit {
  readonly run: TaskRun;
  readonly position: LogPosition;
  readonly response: ServerResponse;
  /** What clients are told to wait before they come back, in milliseconds. */
  readonly retry: number;
  readonly isAuthorized: boolean;
}

/**
 * One watcher over HTTP: writes what comes after its cursor, in one piece per turn of the event loop, as fast as the
 * client takes it. A client that does not read holds back its own cursor, and nothing else.
 */
export class StreamConnection {
  readonly #run: TaskRun;
  readonly #cursor: LogCursor;
  readonly #response: ServerResponse;
  readonly #retry: number;
  readonly #isAuthorized: boolean;
  readonly #stream: Subscriber<never>;
  #open = false;
  #scheduled = false;
  #blocked = false;
  #written = 0;
  #taken = 0;
  #progressAt = performance.now();

  /**
   * @param stream the life of Nest's `@Sse()` stream: completing it ends the response
   */
  constructor({ run, position, response, retry, isAuthorized }: StreamInit, stream: Subscriber<never>) {
    this.#run = run;
    this.#cursor = new LogCursor(run.log, position);
    this.#response = response;
    this.#retry = retry;
    this.#isAuthorized = isAuthorized;
    this.#stream = stream;
    stream.add(run.attach());
    stream.add(run.log.subscribe(this.#wake));
  }

  get run(): TaskRun {
    return this.#run;
  }

  /** The headers are out: from here on this connection writes for itself. */
  open(): void {
    this.#open = true;
    this.#write(Buffer.from(`retry: ${this.#retry}\n: connected\n`));
    this.#flush();
  }

  beat(): void {
    if (this.#open && !this.#blocked && !this.#stream.closed) this.#write(heartbeat);
  }

  /**
   * Gives the client up when it has taken nothing of what waits for it for `stallTimeout`, also after the end.
   * Destroyed, not ended: an ended response would keep what the client does not read.
   */
  checkProgress(now: number, stallTimeout: number): void {
    // Behind a pipelined request it has no socket yet: it waits for its turn, not for the client.
    const waiting = this.#response.socket ? this.#response.writableLength : 0;
    const taken = this.#written - waiting;
    if (waiting === 0 || taken !== this.#taken) {
      this.#taken = taken;
      this.#progressAt = now;
    } else if (now - this.#progressAt >= stallTimeout) {
      this.#response.destroy();
    }
  }

  readonly #wake = (): void => {
    if (this.#scheduled || !this.#open || this.#blocked) return;
    this.#scheduled = true;
    setImmediate(this.#flush);
  };

  readonly #flush = (): void => {
    this.#scheduled = false;
    while (!this.#blocked && !this.#stream.closed) {
      const chunk = this.#read();
      if (chunk) this.#write(chunk);
      if (this.#cursor.done) {
        this.#stream.complete();
        return;
      }
      if (!chunk) return;
    }
  };

  #write(chunk: Buffer): void {
    this.#written += chunk.length;
    if (this.#response.write(chunk)) return;
    this.#blocked = true;
    this.#response.once('drain', this.#resume);
  }

  readonly #resume = (): void => {
    this.#blocked = false;
    this.#flush();
  };

  /** The next events, joined; `undefined` when there are none. */
  #read(): Buffer | undefined {
    const frames: Buffer[] = [];
    let bytes = 0;
    while (bytes < chunkBytes) {
      const next = this.#cursor.next();
      if (!next) break;
      const frame = next instanceof LogEntry ? next.frame : this.#gapFrame(next);
      frames.push(frame);
      bytes += frame.length;
    }
    return frames.length > 1 ? Buffer.concat(frames, bytes) : frames[0];
  }

  #gapFrame({ id, cause, missed }: { id: string; cause: string; missed: number | null }): Buffer {
    const snapshot = publicSnapshot(this.#run, this.#isAuthorized);
    return encodeFrame('gap', toJson({ cause, missed, snapshot }), id);
  }
}

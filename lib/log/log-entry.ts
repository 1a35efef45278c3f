import type { Json } from '../task/json/json.js';
import type { TaskEvent } from '../task/task-event.js';
import { contentOf, type EventChunk, encodeChunk } from './wire/event-chunk.js';
import { formatFrame, frameLength, jsonOf } from './wire/event-frame.js';
import { formatEventId } from './wire/event-id.js';

/** What an event needs to know of its log. */
export interface EntryLog {
  /** Read when the event is encoded: until then the log need not have minted it. */
  readonly epoch: string;
  readonly epochLength: number;
}

/**
 * An event in the log. It is encoded when the first watcher asks, once for all of them, and from then on kept in that form
 * alone: a log should not hold its events twice.
 */
export class LogEntry implements EventChunk {
  /** Length of the event in the stream, before it is framed as a chunk. */
  readonly bytes: number;
  /** The data until it is encoded, or the whole event as a chunk. */
  #content: string | Buffer;

  /**
   * @param json one line
   * @param timestamp when it was sent, in epoch milliseconds
   */
  constructor(
    private readonly log: EntryLog,
    readonly seq: number,
    readonly type: string,
    json: string,
    readonly timestamp: number,
  ) {
    this.#content = json;
    this.bytes = frameLength(type, json, log.epochLength, seq);
  }

  get id(): string {
    return formatEventId(this.log.epoch, this.seq);
  }

  get json(): string {
    const content = this.#content;
    return typeof content === 'string' ? content : jsonOf(contentOf(this), this.type, this.id);
  }

  get framed(): Buffer {
    if (typeof this.#content === 'string') {
      this.#content = encodeChunk(formatFrame(this.type, this.#content, this.id), this.bytes);
    }
    return this.#content;
  }

  /** A fresh object: no subscriber can change what another one gets. */
  toEvent(): TaskEvent {
    return { id: this.id, type: this.type, data: JSON.parse(this.json) as Json, timestamp: this.timestamp };
  }
}

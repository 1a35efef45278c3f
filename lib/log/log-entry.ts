import { clock } from '../cancellation/clock.js';
import type { Json } from '../task/json.js';
import type { TaskEvent } from '../task/task-event.js';
import { type EventChunk, encodeChunk } from './event-chunk.js';
import { formatFrame, frameLength } from './event-frame.js';
import { formatEventId } from './event-id.js';

/** An event in the log. It is encoded when the first watcher asks, once for all of them. */
export class LogEntry implements EventChunk {
  readonly #epoch: string;
  readonly seq: number;
  readonly type: string;
  readonly json: string;
  readonly timestamp: number;
  /** Length of the event in the stream, before it is framed as a chunk. */
  readonly bytes: number;
  #framed: Buffer | undefined;

  constructor(epoch: string, seq: number, type: string, json: string) {
    this.#epoch = epoch;
    this.seq = seq;
    this.type = type;
    this.json = json;
    this.timestamp = clock().epoch();
    this.bytes = frameLength(type, json, epoch, seq);
  }

  get id(): string {
    return formatEventId(this.#epoch, this.seq);
  }

  get framed(): Buffer {
    return (this.#framed ??= encodeChunk(formatFrame(this.type, this.json, this.id), this.bytes));
  }

  /** A fresh object: no subscriber can change what another one gets. */
  toEvent(): TaskEvent {
    return { id: this.id, type: this.type, data: JSON.parse(this.json) as Json, timestamp: this.timestamp };
  }
}

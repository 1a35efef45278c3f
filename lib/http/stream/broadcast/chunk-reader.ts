import { type EventChunk, joinChunks, withLastChunk } from '../../../log/wire/event-chunk.js';
import type { LogCursor } from '../../../log/read/log-cursor.js';
import type { LogEntry } from '../../../log/log-entry.js';
import type { LogReader } from '../../../log/read/log-reader.js';
import { CHUNK_BYTES } from '../output/response-writer.js';

/** Some events that follow each other, for all that stand before them. */
export class SharedChunk implements EventChunk {
  readonly framed: Buffer;
  readonly bytes: number;
  #withEnd: Buffer | undefined;

  /**
   * @param from the `seq` of the event before it
   * @param to the `seq` of its last event
   * @param isLast whether nothing will follow
   */
  constructor(
    events: readonly EventChunk[],
    readonly from: number,
    readonly to: number,
    readonly isLast: boolean,
  ) {
    ({ framed: this.framed, bytes: this.bytes } = joinChunks(events));
  }

  /** Whether more may follow at once. */
  get isFull(): boolean {
    return this.bytes >= CHUNK_BYTES;
  }

  get withEnd(): Buffer {
    return (this.#withEnd ??= withLastChunk(this.framed));
  }
}

/**
 * Reads a log in chunks, for all its watchers. Those that stand at the same position one after the other, as all do that
 * keep up, get the same chunk.
 */
export class ChunkReader {
  #chunk: SharedChunk | undefined;

  constructor(private readonly log: LogReader) {}

  /** What comes after the cursor, which stays; `undefined` when that is a gap, or nothing. */
  at(cursor: LogCursor): SharedChunk | undefined {
    const chunk = this.#chunk;
    return chunk && cursor.isBehind(chunk.from) ? chunk : this.#read(cursor.position);
  }

  get isHeld(): boolean {
    return this.#chunk !== undefined;
  }

  /** To be called soon: no chunk is to be held for long. */
  forget(): void {
    this.#chunk = undefined;
  }

  #read(from: number | undefined): SharedChunk | undefined {
    if (from === undefined) return undefined;
    const events: LogEntry[] = [];
    for (let bytes = 0; bytes < CHUNK_BYTES;) {
      const event = this.log.at(from + events.length + 1);
      if (!event) break;
      events.push(event);
      bytes += event.bytes;
    }
    if (events.length === 0) return undefined;
    const to = from + events.length;
    const isLast = this.log.ended && to === this.log.lastSeq;
    return (this.#chunk = new SharedChunk(events, from, to, isLast));
  }
}

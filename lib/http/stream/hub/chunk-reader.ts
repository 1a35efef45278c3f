import { type EventChunk, joinChunks } from '../../../log/event-chunk.js';
import type { LogCursor } from '../../../log/log-cursor.js';
import { LogEntry } from '../../../log/log-entry.js';
import type { GapWriter } from '../gap-writer.js';
import { chunkBytes } from '../output/stream-output.js';

/**
 * Reads a log in chunks, for all its watchers. Those that stand at the same place one after the other, as all do that
 * keep up, get the same chunk.
 */
export class ChunkReader {
  #from = -1;
  #to = -1;
  #chunk: EventChunk | undefined;

  /**
   * What comes after the cursor, which moves on; `undefined` when there is nothing.
   *
   * @param gaps writes a gap as this watcher may see it
   * @param most the `seq` of the last event to read
   */
  read(cursor: LogCursor, gaps: GapWriter, most: number = Infinity): EventChunk | undefined {
    const from = cursor.position;
    if (this.#chunk && from === this.#from) {
      cursor.skipTo(this.#to);
      return this.#chunk;
    }
    const read: EventChunk[] = [];
    let bytes = 0;
    while (bytes < chunkBytes && (cursor.after < most || cursor.hasGap)) {
      const next = cursor.next();
      if (!next) break;
      const event = next instanceof LogEntry ? next : gaps.chunkOf(next);
      read.push(event);
      bytes += event.bytes;
    }
    if (read.length === 0) return undefined;
    const chunk = joinChunks(read);
    // A gap is for one watcher alone.
    if (from !== undefined) this.#share(chunk, from, from + read.length);
    return chunk;
  }

  /** Whether a chunk is kept for the next reader. */
  get isHeld(): boolean {
    return this.#chunk !== undefined;
  }

  /** To be called soon: no chunk is to be held for long. */
  forget(): void {
    this.#chunk = undefined;
  }

  #share(chunk: EventChunk, from: number, to: number): void {
    this.#from = from;
    this.#to = to;
    this.#chunk = chunk;
  }
}

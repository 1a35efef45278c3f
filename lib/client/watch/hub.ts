import type { Transport } from '../http/transport.js';
import type { Reader } from './reader.js';
import { Source } from './source.js';

/** Decides who reads on which connection: runs that are watched in the same tick share one. */
export class Hub {
  readonly joining = new Set<Reader>();
  readonly open = new Set<Source>();

  constructor(readonly transport: Transport) {}

  join(reader: Reader): void {
    this.joining.add(reader);
    if (this.joining.size === 1) queueMicrotask(() => this.#assign());
  }

  #assign(): void {
    // Those that take any position come last, and join the others.
    const readers = [...this.joining].toSorted((one, other) => Number(one.isForEnd) - Number(other.isForEnd));
    this.joining.clear();
    const ofTick = new Set<Source>();
    const chosen = new Set<Source>();
    for (const reader of readers) {
      const { isAlone, isForEnd } = reader;
      const { group = ofTick, path } = reader.run;
      let source = [...this.open, ...chosen].find(
        (other) => !isAlone && (group.has(other) || (isForEnd && other.has(path))) && other.takes(reader),
      );
      source ??= new Source(this, reader.from);
      source.add(reader);
      chosen.add(source);
      if (!isAlone) group.add(source);
    }
    for (const source of chosen) void source.keepOpen();
  }
}

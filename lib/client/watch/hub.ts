import type { Transport } from '../http/transport.js';
import type { Sink } from './sink.js';
import { Source } from './source.js';
import { WakeUps } from './wake-ups.js';

/** Runs that are always watched on the same connections. */
export interface WatchGroup {
  readonly sources: Set<Source>;
}

/** Decides who reads on which connection: runs that are watched in the same tick share one. */
export class Hub {
  readonly #joining = new Set<Sink>();
  readonly #open = new Set<Source>();
  readonly #wakeUps = new WakeUps();

  constructor(readonly transport: Transport) {}

  join(sink: Sink): void {
    this.#joining.add(sink);
    if (this.#joining.size === 1) queueMicrotask(() => this.#assign());
  }

  withdraw(sink: Sink): void {
    this.#joining.delete(sink);
  }

  opened(source: Source): void {
    this.#open.add(source);
    this.#wakeUps.add(source);
  }

  closed(source: Source): void {
    this.#open.delete(source);
    this.#wakeUps.remove(source);
  }

  #assign(): void {
    // Those that take any position come last, and join the others.
    const sinks = [...this.#joining].toSorted((one, other) => Number(one.isForEnd) - Number(other.isForEnd));
    this.#joining.clear();
    const ofTick = new Set<Source>();
    const changed = new Set<Source>();
    for (const sink of sinks) {
      const { group, path } = sink.run;
      const shared = group?.sources ?? ofTick;
      for (const source of shared)
        if (group && !this.#open.has(source) && !changed.has(source)) shared.delete(source);
      const candidates = [
        ...(sink.isForEnd ? [...this.#open, ...changed].filter((source) => source.has(path)) : []),
        ...shared,
      ];
      if (!sink.isAlone && candidates.some((source) => joins(source, sink))) continue;
      const source = new Source(this, sink.from);
      source.add(sink);
      changed.add(source);
      if (!sink.isAlone) shared.add(source);
    }
    for (const source of changed) {
      if (this.#open.has(source)) source.restart();
      else void source.open();
    }

    function joins(source: Source, sink: Sink): boolean {
      const answer = source.add(sink);
      if (answer === 'reopen') changed.add(source);
      return answer !== 'refused';
    }
  }
}

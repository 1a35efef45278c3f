import { type EventId, parseEventId } from './event-id.js';

/** In how many logs there are positions at most: what claims more is none of these ids, and would only cost time. */
export const MAX_POSITIONS = 100;
/** Between the positions of a composite id. In no epoch and no number. */
const SEPARATOR = '.';
/** Stands for a task that has no log here. */
export const NO_POSITION = '';
/** Stands for a position that is none any more, as long as the client has not been told. */
export const LOST_POSITION = '-';

export function formatCompositeId(positions: readonly string[]): string {
  return positions.join(SEPARATOR);
}

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
    if (part === NO_POSITION || part === LOST_POSITION) continue;
    const position = parseEventId(part);
    if (!position || byEpoch.has(position.epoch)) return undefined;
    byEpoch.set(position.epoch, position);
  }
  return byEpoch.size > 0 || parts.includes(LOST_POSITION) ? { parts, byEpoch } : undefined;
}

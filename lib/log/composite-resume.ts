import { type CompositeId, lostPosition, noPosition, parseCompositeId } from './composite-id.js';
import { formatEventId, parseEventId } from './event-id.js';
import type { LogPosition } from './log-cursor.js';
import type { LogReader } from './log-reader.js';
import { resume } from './resume.js';

/**
 * Where a watcher of several tasks goes on in each. A position is found by its epoch, so the tasks may come in another
 * order, and the list may change. Where an id does not tell the position for sure, the watcher gets a gap: nothing that it
 * may have seen is replayed without one.
 *
 * @see resume
 */
export class CompositeResume {
  readonly #logs: readonly (LogReader | undefined)[];
  readonly #lastEventId: string | undefined;
  readonly #composite: CompositeId | undefined;
  /** The epochs in the id that are of none of the logs. */
  readonly #others: ReadonlySet<string>;
  readonly #hasEpoch: (epoch: string) => boolean;

  /**
   * @param logs of the tasks, also of those that cannot be watched; `undefined` where there is none
   * @param hasEpoch whether this is the epoch of any log, in the list or not
   */
  constructor(
    logs: readonly (LogReader | undefined)[],
    lastEventId: string | undefined,
    hasEpoch: (epoch: string) => boolean,
  ) {
    this.#logs = logs;
    this.#lastEventId = lastEventId;
    this.#composite = lastEventId === undefined ? undefined : parseCompositeId(lastEventId);
    const others = new Set(this.#composite?.byEpoch.keys());
    for (const log of logs) if (log) others.delete(log.epoch);
    this.#others = others;
    this.#hasEpoch = hasEpoch;
  }

  /**
   * @param index of a task that is watched
   * @param latest whether it begins with its newest event, if it begins
   */
  positionOf(index: number, latest = false): LogPosition {
    const log = this.#logs[index] as LogReader;
    const lastEventId = this.#idOf(index);
    return resume(log, { lastEventId, latest }, (epoch) => this.#isForeign(log, epoch));
  }

  /** What the id of a stream holds for a task while it cannot be watched. */
  partOf(index: number): string {
    const id = this.#idOf(index) ?? noPosition;
    const epoch = epochOf(id);
    if (epoch === '') return id === noPosition ? noPosition : lostPosition;
    return this.#isForeign(this.#logs[index], epoch) ? lostPosition : id;
  }

  /** The id that a task goes on behind; `undefined` where it begins. */
  #idOf(index: number): string | undefined {
    if (!this.#composite) return this.#lastEventId;
    const { parts, byEpoch } = this.#composite;
    const log = this.#logs[index];
    const position = log && byEpoch.get(log.epoch);
    if (position) return formatEventId(position.epoch, position.seq);
    if (parts.length === this.#logs.length) {
      // The position of a task that is in the list tells that this one stood elsewhere.
      const part = parts[index] as string;
      if (part === lostPosition || this.#others.has(epochOf(part))) return part;
    }
    // Added to the list it has none yet, unless some position may be that of its former run.
    const isNew =
      !parts.includes(lostPosition) && [...this.#others].every((epoch) => this.#isForeign(log, epoch));
    return isNew ? undefined : lostPosition;
  }

  /** Whether an epoch is that of another task's log. */
  #isForeign(log: LogReader | undefined, epoch: string): boolean {
    return epoch !== log?.epoch && this.#hasEpoch(epoch);
  }
}

/** Whether a watcher that brings this id has seen the end of all these logs. */
export function haveSeenEnd(logs: readonly LogReader[], lastEventId: string | undefined): boolean {
  if (lastEventId === undefined) return false;
  const { byEpoch } = parseCompositeId(lastEventId) ?? {};
  return logs.every(({ ended, epoch, lastSeq }) => ended && byEpoch?.get(epoch)?.seq === lastSeq);
}

function epochOf(id: string): string {
  return parseEventId(id)?.epoch ?? '';
}

import { LOST_POSITION, NO_POSITION, parseCompositeId } from '../wire/composite-id.js';
import { epochLength, markOf, markOfTask } from '../wire/epoch.js';
import { type EventId, formatEventId } from '../wire/event-id.js';
import type { LogPosition } from './log-cursor.js';
import type { LogReader } from './log-reader.js';
import { type From, resume } from './resume.js';

export interface ListedLog {
  readonly key: string;
  /** Also of a task that cannot be watched; `undefined` where there is none. */
  readonly log: LogReader | undefined;
}

/**
 * Where a watcher of several tasks goes on in each. A position is found by its epoch, so the tasks may come in another
 * order, and the list may change. Where an id does not tell the position for sure, the watcher gets a gap: nothing that it
 * may have seen is replayed without one.
 *
 * @see resume
 */
export class CompositeResume {
  readonly #tasks: readonly ListedLog[];
  /** The id that each task goes on behind; `undefined` where it begins. */
  readonly #ids: readonly (string | undefined)[];

  constructor(tasks: readonly ListedLog[], lastEventId: string | undefined) {
    this.#tasks = tasks;
    this.#ids = lastEventId === undefined ? [] : idsOf(tasks, lastEventId);
  }

  /** Where a watcher goes on in the log of a task, or begins. */
  positionOf(index: number, from?: From): LogPosition {
    const { log } = this.#tasks[index] as ListedLog;
    return resume(log as LogReader, { lastEventId: this.#ids[index], from });
  }

  /** What the id of a stream holds for a task while it cannot be watched. */
  partOf(index: number): string {
    return this.#ids[index] ?? NO_POSITION;
  }
}

function idsOf(tasks: readonly ListedLog[], lastEventId: string): (string | undefined)[] {
  const composite = parseCompositeId(lastEventId);
  if (!composite) return tasks.map(() => LOST_POSITION);
  const { parts, byEpoch } = composite;
  const others = new Map(byEpoch);
  for (const { log } of tasks) if (log) others.delete(log.epoch);
  // An epoch that was minted elsewhere may have no mark: it may be that of any task.
  const isLost =
    parts.includes(LOST_POSITION) || [...others.keys()].some((epoch) => epoch.length !== epochLength);
  const positions = groupBy(others.values(), ({ epoch }) => markOf(epoch));
  const isOwn = (log: LogReader | undefined): log is LogReader => log !== undefined && byEpoch.has(log.epoch);
  const seekers = groupBy(
    tasks.filter(({ log }) => !isOwn(log)),
    ({ key }) => markOfTask(key),
  );
  const found = tasks.map(({ key, log }) => {
    if (isOwn(log)) return idOf(byEpoch.get(log.epoch) as EventId);
    // That of a former run, or of a log that is not here.
    const [position, ...more] = positions.get(markOfTask(key)) ?? [];
    if (!position) return undefined;
    // Another task may have the same mark. If its position were taken for this task's, a lost position would be forgotten.
    const isSure = !isLost && more.length === 0 && seekers.get(markOfTask(key))?.length === 1;
    return isSure ? idOf(position) : LOST_POSITION;
  });
  // Added to the list a task has no position yet. But what was lost may be its own, and where no position is of any of
  // these tasks, the id is no id of this list.
  const isNew = !isLost && found.some((id) => id !== undefined);
  return found.map((id) => id ?? (isNew ? undefined : LOST_POSITION));
}

function idOf({ epoch, seq }: EventId): string {
  return formatEventId(epoch, seq);
}

function groupBy<T>(items: Iterable<T>, keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group) group.push(item);
    else groups.set(keyOf(item), [item]);
  }
  return groups;
}

/** Whether a watcher that brings this id has seen the end of all these logs. */
export function haveSeenEnd(logs: readonly LogReader[], lastEventId: string | undefined): boolean {
  if (lastEventId === undefined) return false;
  const { byEpoch } = parseCompositeId(lastEventId) ?? {};
  return logs.every(({ ended, epoch, lastSeq }) => ended && byEpoch?.get(epoch)?.seq === lastSeq);
}

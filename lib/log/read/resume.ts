import { markOf } from '../wire/epoch.js';
import { parseEventId } from '../wire/event-id.js';
import type { LogPosition } from './log-cursor.js';
import type { LogReader } from './log-reader.js';

/** What a watcher brings. */
export interface ResumeRequest {
  /** The id of the last event it has; absent for a new watcher. */
  readonly lastEventId?: string | undefined;
  /** Where a new watcher begins, if that is not with all that is kept. */
  readonly from?: From | undefined;
}

/** `latest`: with the newest event. `state`: with what the events are folded to, and what follows. */
export type From = 'latest' | 'state';

/**
 * Finds where a watcher goes on. Never an error, and never a silent replay of everything: an id that is no position in
 * this log gives a gap and then all that is kept.
 */
export function resume(log: LogReader, { lastEventId, from }: ResumeRequest): LogPosition {
  const start = log.firstSeq - 1;
  if (lastEventId === undefined) {
    const after = from ? Math.max(log.lastSeq - 1, start) : 0;
    return from === 'state' ? { after, isBeforeState: true } : { after };
  }
  const id = parseEventId(lastEventId);
  if (!id) return { after: start, gap: 'unknown-id' };
  if (id.epoch !== log.epoch) {
    const isSameTask = markOf(id.epoch) === markOf(log.epoch);
    return { after: start, gap: isSameTask ? 'restarted' : 'unknown-id' };
  }
  if (id.seq > log.lastSeq) return { after: start, gap: 'unknown-id' };
  return { after: id.seq };
}

/** Whether the first thing a watcher at this position is told is a gap. */
export function isGap(log: LogReader, { after, gap }: LogPosition): boolean {
  return gap !== undefined || after < log.firstSeq - 1;
}

/** Whether a watcher that brings this id has seen the end already. */
export function hasSeenEnd(log: LogReader, lastEventId: string | undefined): boolean {
  if (!log.ended || lastEventId === undefined) return false;
  const id = parseEventId(lastEventId);
  return id?.epoch === log.epoch && id.seq === log.lastSeq;
}

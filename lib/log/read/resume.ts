import { markOf } from '../wire/epoch.js';
import { parseEventId } from '../wire/event-id.js';
import type { LogPosition } from './log-cursor.js';
import type { LogReader } from './log-reader.js';

/** What a watcher brings. */
export interface ResumeRequest {
  /** The id of the last event it has; absent for a new watcher. */
  readonly lastEventId?: string | undefined;
  /** A new watcher that wants the newest event and what follows, not what is kept. */
  readonly latest?: boolean;
}

/**
 * Finds where a watcher goes on. Never an error, and never a silent replay of everything: an id that is no position in
 * this log gives a gap and then all that is kept.
 */
export function resume(log: LogReader, { lastEventId, latest = false }: ResumeRequest): LogPosition {
  const start = log.firstSeq - 1;
  if (lastEventId === undefined) return { after: latest ? Math.max(log.lastSeq - 1, start) : 0 };
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

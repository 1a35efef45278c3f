import type { TaskRun } from '../../../coordinator/run/task-run.js';
import { encodeFrame } from '../../../log/event-frame.js';
import type { LogGap } from '../../../log/log-cursor.js';
import { toJson } from '../../../task/json.js';
import { publicSnapshot } from '../../public-snapshot.js';

/**
 * The data of a gap as one watcher sees it.
 *
 * @param mayKnow whether that may say whose the task is
 */
export function gapJson(run: TaskRun, { cause, missed }: LogGap, mayKnow: boolean): string {
  return toJson({ cause, missed, snapshot: publicSnapshot(run, mayKnow) });
}

export function gapFrame(run: TaskRun, gap: LogGap, mayKnow: boolean): Buffer {
  return encodeFrame('gap', gapJson(run, gap, mayKnow), gap.id);
}

import type { TaskRun } from '../../coordinator/run/task-run.js';
import { encodeFrame } from '../../log/event-frame.js';
import type { LogGap } from '../../log/log-cursor.js';
import { toJson } from '../../task/json.js';
import { publicSnapshot } from '../public-snapshot.js';

/**
 * A gap as one watcher sees it.
 *
 * @param mayKnow whether that may say whose the task is
 */
export function gapFrame(run: TaskRun, { id, cause, missed }: LogGap, mayKnow: boolean): Buffer {
  return encodeFrame('gap', toJson({ cause, missed, snapshot: publicSnapshot(run, mayKnow) }), id);
}

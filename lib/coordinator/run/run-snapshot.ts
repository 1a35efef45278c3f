import type { Json } from '../../task/json.js';
import type { Progress, TaskSnapshot } from '../../task/task-snapshot.js';
import { fullError } from './public-error.js';
import type { TaskRun } from './task-run.js';

/** What a run looks like now, to the application itself. */
export function snapshotOf(run: TaskRun, progress: Progress | null): TaskSnapshot {
  const { app, name, id } = run.ref;
  const { owner, metadata } = run.start;
  const { outcome } = run;
  return {
    app,
    name,
    id,
    status: run.status,
    attempt: run.attempt,
    ...(owner !== undefined && { owner }),
    ...(metadata !== undefined && { metadata }),
    createdAt: new Date(run.createdAt).toISOString(),
    startedAt: isoOrNull(run.startedAt),
    endedAt: isoOrNull(run.endedAt),
    progress,
    finalValue: outcome?.status === 'completed' ? (outcome.value as Json) : null,
    error: outcome?.status === 'failed' ? fullError(outcome.error) : null,
    cancellation: run.requests.standing[0] ?? null,
    lastEventId: run.log.lastEventId,
    watchers: run.watchers,
  };
}

function isoOrNull(time: number | null): string | null {
  return time === null ? null : new Date(time).toISOString();
}

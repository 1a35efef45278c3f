import type { Json } from '../task/json/json.js';
import type { TaskRecord } from '../task/task-record.js';
import type { Progress } from '../task/task-snapshot.js';
import type { TaskRun } from './task-run.js';

/** What a run looks like now. It holds nothing of the run's own that its reader could change. */
export function recordOf(run: TaskRun): TaskRecord {
  const { app, name, id } = run.ref;
  const { owner, metadata } = run.options;
  const [reason] = run.requests.standing;
  const state = run.events.fold?.newest;
  return {
    app,
    name,
    id,
    status: run.status,
    attempt: run.attempt,
    ...(owner !== undefined && { owner }),
    ...(metadata !== undefined && { metadata: structuredClone(metadata) }),
    createdAt: new Date(run.createdAt).toISOString(),
    startedAt: isoOrNull(run.startedAt),
    endedAt: isoOrNull(run.endedAt),
    progress: JSON.parse(run.events.newestProgress) as Progress | null,
    ...(state !== undefined && { state: JSON.parse(state) as Json }),
    finalValue: JSON.parse(run.end?.json ?? 'null') as Json,
    error: run.end?.failure?.full ?? null,
    publicError: run.end?.failure?.shown ?? null,
    cancellation: reason ? { ...reason } : null,
    lastEventId: run.events.lastEventId,
    watchers: run.watchers,
  };
}

function isoOrNull(time: number | null): string | null {
  return time === null ? null : new Date(time).toISOString();
}

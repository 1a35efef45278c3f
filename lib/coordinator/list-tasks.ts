import type { TaskFilter } from './coordinator.options.js';
import { cursorBehind, readCursor } from './list-cursor.js';
import type { TaskRun } from '../run/task-run.js';

/** Tasks of a page where the filter does not say. */
export const defaultLimit = 100;

export interface RunPage {
  readonly runs: readonly TaskRun[];
  readonly nextCursor: string | null;
}

/**
 * The runs that pass the filter, newest first, beginning behind its cursor. Runs are numbered as they are registered, so
 * tasks that come or go do not move a page.
 *
 * @throws InvalidQueryError for a cursor that no list of this process gave
 */
export function listRuns(runs: Iterable<TaskRun>, { cursor, ...filter }: TaskFilter): TaskRun[] {
  const below = cursor === undefined ? Infinity : readCursor(cursor);
  return [...runs]
    .filter((run) => run.number < below && passes(run, filter))
    .toSorted((a, b) => b.number - a.number);
}

/**
 * The first page of what was listed.
 *
 * @param runs at least one more than the page holds, where there is one: otherwise this page is the last
 */
export function pageOf(runs: readonly TaskRun[], limit: number): RunPage {
  const page = runs.slice(0, limit);
  const last = page.at(-1);
  return { runs: page, nextCursor: last && runs.length > limit ? cursorBehind(last) : null };
}

function passes(run: TaskRun, { app, name, status, owner }: TaskFilter): boolean {
  return (
    (app === undefined || run.ref.app === app) &&
    (name === undefined || run.ref.name === name) &&
    (status === undefined || run.status === status) &&
    (owner === undefined || run.options.owner === owner)
  );
}

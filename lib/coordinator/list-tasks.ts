import { InvalidQueryError } from '../task/errors/invalid-query.error.js';
import type { TaskFilter } from './coordinator.options.js';
import type { TaskRun } from './run/task-run.js';

const defaultLimit = 100;

export interface RunPage {
  readonly runs: readonly TaskRun[];
  readonly nextCursor: string | null;
}

/**
 * One page of the tasks that pass the filter, newest first. A cursor is the number of the page's last run; runs are
 * numbered as they are registered, so a page is not moved by tasks that come or go.
 *
 * @throws InvalidQueryError for a cursor that no page gave
 */
export function listTasks(
  runs: Iterable<TaskRun>,
  { cursor, limit = defaultLimit, ...filter }: TaskFilter,
): RunPage {
  const below = cursor === undefined ? Infinity : readCursor(cursor);
  const found = [...runs]
    .filter((run) => run.number < below && passes(run, filter))
    .toSorted((a, b) => b.number - a.number);
  const page = found.slice(0, limit);
  const last = page.at(-1);
  return { runs: page, nextCursor: last && found.length > limit ? writeCursor(last.number) : null };
}

function passes(run: TaskRun, { app, name, status, owner }: TaskFilter): boolean {
  return (
    (app === undefined || run.ref.app === app) &&
    (name === undefined || run.ref.name === name) &&
    (status === undefined || run.status === status) &&
    (owner === undefined || run.start.owner === owner)
  );
}

function writeCursor(number: number): string {
  return Buffer.from(`before:${number}`).toString('base64url');
}

function readCursor(cursor: string): number {
  const match = /^before:([1-9][0-9]{0,15})$/.exec(Buffer.from(cursor, 'base64url').toString('latin1'));
  if (!match) {
    throw new InvalidQueryError(
      `Invalid cursor ${JSON.stringify(cursor.slice(0, 80))}: give the nextCursor of the page before`,
    );
  }
  return Number(match[1]);
}

import { quoted } from '../../cancellation/read-error.js';
import { InvalidQueryError } from '../../task/errors.js';
import { type TaskStatus, taskStatuses } from '../../task/task-status.js';
import type { TaskRow } from './task-row.js';

/** Which tasks a page shows. What is not given matches all. */
export interface TableFilter {
  readonly statuses: ReadonlySet<TaskStatus>;
  /** `app/name` */
  readonly type: string | undefined;
  readonly owner: string | undefined;
  /** In lower case. */
  readonly text: string | undefined;
  /** Created in the last so many milliseconds. */
  readonly within: number | undefined;
}

type Texts = Readonly<Record<string, unknown>>;

const MAX_TEXT = 200;

/** @throws InvalidQueryError */
export function readFilter(given: Texts): TableFilter {
  const statuses = textOf(given, 'status')?.split(',') ?? [];
  const unknown = statuses.find((status) => !taskStatuses.includes(status as TaskStatus));
  if (unknown !== undefined) {
    throw new InvalidQueryError(`Invalid status ${quoted(unknown)}: expected of ${taskStatuses.join(', ')}`);
  }
  const within = textOf(given, 'within');
  if (within !== undefined && !/^\d{1,12}$/.test(within)) {
    throw new InvalidQueryError(`Invalid "within" ${quoted(within)}: expected milliseconds`);
  }
  return {
    statuses: new Set(statuses as TaskStatus[]),
    type: textOf(given, 'type'),
    owner: textOf(given, 'owner'),
    text: textOf(given, 'text')?.toLowerCase(),
    within: within === undefined ? undefined : Number(within),
  };
}

const NAMES = ['status', 'type', 'owner', 'text', 'within'];

/**
 * For what acts on each task that matches: what is wrong with it must not match all.
 *
 * @throws InvalidQueryError
 */
export function readStrictFilter(given: unknown): TableFilter {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new InvalidQueryError('Invalid "filter": expected an object');
  }
  for (const [name, value] of Object.entries(given)) {
    if (!NAMES.includes(name)) {
      throw new InvalidQueryError(`Invalid "filter": ${quoted(name)} is none of ${NAMES.join(', ')}`);
    }
    if (typeof value !== 'string') throw new InvalidQueryError(`Invalid "${name}": expected a text`);
  }
  return readFilter(given as Texts);
}

function textOf(given: Texts, name: string): string | undefined {
  const value = given[name];
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value === 'string' && value.length <= MAX_TEXT) return value;
  throw new InvalidQueryError(`Invalid "${name}": expected a text of at most ${MAX_TEXT} characters`);
}

/** Whether it matches, whatever its status is. */
export function matchesRest({ type, owner, text, within }: TableFilter, row: TaskRow, now: number): boolean {
  const { data } = row;
  return (
    (type === undefined || `${data.app}/${data.name}` === type) &&
    (owner === undefined || data.owner === owner) &&
    (within === undefined || now - row.createdAt <= within) &&
    (text === undefined || row.text.includes(text))
  );
}

export function matchesStatus({ statuses }: TableFilter, { data }: TaskRow): boolean {
  return statuses.size === 0 || statuses.has(data.status);
}

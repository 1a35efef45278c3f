import { quoted } from '../../cancellation/read-error.js';
import type { From } from '../../log/read/resume.js';
import { MAX_POSITIONS } from '../../log/wire/composite-id.js';
import { InvalidQueryError } from '../../task/errors.js';
import { type TaskStatus, taskStatuses } from '../../task/task-status.js';
import type { TaskFilter } from '../../coordinator/coordinator.options.js';
import type { TaskRef } from '../../task/task-ref.js';
import type { PlatformRequest } from './http-exchange.js';

export const MAX_WAIT = 30_000;
export const MAX_LIST_LIMIT = 1_000;

/**
 * Every value of one parameter. Read from the URL as the client sent it: an application chooses how its framework parses
 * a query, and some parsers drop parameters, change their case or turn them into numbers.
 */
function queryValues({ url = '', originalUrl = url }: PlatformRequest, name: string): string[] {
  if (!originalUrl.includes('?')) return [];
  const [, search] = /\?([^#]+)/.exec(originalUrl) ?? [];
  return search === undefined ? [] : new URLSearchParams(search).getAll(name);
}

/** One parameter of the query. Throws InvalidQueryError when it is given twice. */
export function queryText(request: PlatformRequest, name: string): string | undefined {
  const [value, ...more] = queryValues(request, name);
  if (more.length === 0) return value;
  throw new InvalidQueryError(`Invalid query parameter "${name}": give it once`);
}

/** The id of the last event that the client has, from the header or else from the query. An empty id counts as none. */
export function lastEventIdOf(request: PlatformRequest): string | undefined {
  const header = request.headers['last-event-id'];
  if (header !== undefined && header.length > 0) return String(header);
  const [value, ...more] = queryValues(request, 'lastEventId');
  // Two values are no position. They are no reason for a silent replay either: the client gets a gap.
  if (more.length > 0) return 'doubled';
  return value === '' ? undefined : value;
}

function queryNumber(
  request: PlatformRequest,
  name: string,
  least: number,
  most: number,
): number | undefined {
  const text = queryText(request, name);
  if (text === undefined) return undefined;
  const value = /^[0-9]{1,9}$/.test(text) ? Number(text) : NaN;
  if (value >= least && value <= most) return value;
  throw new InvalidQueryError(
    `Invalid query parameter "${name}": expected a whole number from ${least} to ${most}, got ${quoted(text)}`,
  );
}

export function queryWait(request: PlatformRequest): number | undefined {
  return queryNumber(request, 'wait', 0, MAX_WAIT);
}

export function queryFrom(request: PlatformRequest): From | undefined {
  const from = queryText(request, 'from');
  if (from === undefined || from === 'latest' || from === 'state') return from;
  throw new InvalidQueryError(
    `Invalid query parameter "from": expected "latest" or "state", got ${quoted(from)}`,
  );
}

/** The tasks of a list, `?task=app/name/id&task=…`. Throws InvalidQueryError for no task, for too many, and for one twice. */
export function queryTasks(request: PlatformRequest): TaskRef[] {
  const given = queryValues(request, 'task');
  if (given.length === 0 || given.length > MAX_POSITIONS) {
    throw new InvalidQueryError(
      `Invalid query parameter "task": expected it 1 to ${MAX_POSITIONS} times, as app/name/id, got it ${given.length} times`,
    );
  }
  const doubled = given.find((path, index) => given.indexOf(path) !== index);
  if (doubled !== undefined) {
    throw new InvalidQueryError(`Invalid query parameter "task": ${quoted(doubled)} is given twice`);
  }
  return given.map((path) => {
    const [app, name, id, ...more] = path.split('/');
    if (app !== undefined && name !== undefined && id !== undefined && more.length === 0) {
      return { app, name, id };
    }
    throw new InvalidQueryError(`Invalid query parameter "task": expected app/name/id, got ${quoted(path)}`);
  });
}

export function queryFilter(request: PlatformRequest): TaskFilter {
  const status = queryText(request, 'status');
  if (status !== undefined && !taskStatuses.includes(status as TaskStatus)) {
    throw new InvalidQueryError(
      `Invalid query parameter "status": expected one of ${taskStatuses.join(', ')}`,
    );
  }
  const filter = {
    app: queryText(request, 'app'),
    name: queryText(request, 'name'),
    cursor: queryText(request, 'cursor'),
    limit: queryNumber(request, 'limit', 1, MAX_LIST_LIMIT),
    status: status as TaskStatus | undefined,
  };
  return Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined));
}

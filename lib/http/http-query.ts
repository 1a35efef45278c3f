import { InvalidQueryError } from '../task/errors/invalid-query.error.js';
import { type TaskStatus, taskStatuses } from '../task/task-status.js';
import type { TaskFilter } from '../coordinator/coordinator.options.js';
import type { PlatformRequest } from './http-exchange.js';

const longestWait = 30_000;
const largestPage = 1_000;

/**
 * One parameter of the query, given at most once.
 *
 * @throws InvalidQueryError
 */
export function queryText({ query }: PlatformRequest, name: string): string | undefined {
  const value = ((query ?? {}) as Record<string, unknown>)[name];
  if (value === undefined || typeof value === 'string') return value;
  throw new InvalidQueryError(`Invalid query parameter "${name}": give it once, as text`);
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
    `Invalid query parameter "${name}": expected a whole number from ${least} to ${most}, got ${JSON.stringify(text.slice(0, 80))}`,
  );
}

/** How long a `DELETE` waits for the end. */
export function queryWait(request: PlatformRequest): number | undefined {
  return queryNumber(request, 'wait', 0, longestWait);
}

/** Whether a new watcher wants only what is newest. */
export function queryLatest(request: PlatformRequest): boolean {
  const from = queryText(request, 'from');
  if (from === undefined || from === 'latest') return from === 'latest';
  throw new InvalidQueryError(
    `Invalid query parameter "from": expected "latest", got ${JSON.stringify(from.slice(0, 80))}`,
  );
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
    limit: queryNumber(request, 'limit', 1, largestPage),
    status: status as TaskStatus | undefined,
  };
  return Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined));
}

import { useEffect, useMemo, useSyncExternalStore } from 'react';
import type { ListFilter } from '../client/index.js';
import { type AnyClient, useGivenClient } from './streaming-provider.js';
import { TaskList } from './task-list.js';
import type { TasksView, UseTasksOptions } from './tasks-view.js';

/**
 * Lists tasks and watches those that go on, on as few connections as there can be. The server must have `http.list`.
 *
 * @param client where there is no `StreamingProvider`
 * @param filter which tasks; another one shows nothing of the one before
 * @example
 * const { items, nextCursor, loadMore } = useTasks({ status: 'running' });
 * @publicApi
 */
export function useTasks(filter?: ListFilter, options?: UseTasksOptions): TasksView;
export function useTasks(client: AnyClient, filter?: ListFilter, options?: UseTasksOptions): TasksView;
export function useTasks(
  first?: AnyClient | ListFilter,
  second?: ListFilter | UseTasksOptions,
  third?: UseTasksOptions,
): TasksView {
  const [own, filter = {}, options = {}] = isClient(first)
    ? [first, second as ListFilter | undefined, third]
    : [undefined, first, second as UseTasksOptions | undefined];
  const client = useGivenClient(own);
  const key = JSON.stringify(Object.entries(filter).toSorted(([one], [other]) => (one < other ? -1 : 1)));
  const list = useMemo(
    () => new TaskList(client, Object.fromEntries(JSON.parse(key) as [string, string][]), options),
    [client, key],
  );
  useEffect(() => {
    list.options = options;
  });
  return useSyncExternalStore(list.subscribe, list.getView, list.getIdle);
}

function isClient(value: AnyClient | ListFilter | undefined): value is AnyClient {
  return value !== undefined && 'watch' in value;
}

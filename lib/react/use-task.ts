import { useEffect, useMemo, useSyncExternalStore } from 'react';
import type { AnyTask, TaskClient, TaskShape, TaskTypeRef } from '../client/index.js';
import { useTaskClient } from './streaming-provider.js';
import type { TaskView, UseTaskOptions } from './task-view.js';
import { WatchedTask } from './watched-task.js';

/**
 * Watches a task while the component is mounted. An unmount stops watching; it never cancels.
 *
 * @param task what `client.task(app, name)` gives; or `{ app, name }`, below a `StreamingProvider`
 * @param id `null` or `undefined` watches nothing
 * @example
 * const task = useTask(transcode, id, { throttle: 50 });
 * return <progress value={task.progress?.percent} max={100} />;
 * @publicApi
 */
export function useTask<S extends TaskShape, State = S['state']>(
  task: TaskClient<S>,
  id: string | null | undefined,
  options?: UseTaskOptions<S, State>,
): TaskView<S, State>;
export function useTask<S extends TaskShape = AnyTask, State = S['state']>(
  task: TaskTypeRef,
  id: string | null | undefined,
  options?: UseTaskOptions<S, State>,
): TaskView<S, State>;
export function useTask<S extends TaskShape, State = S['state']>(
  task: TaskClient<S> | TaskTypeRef,
  id: string | null | undefined,
  options: UseTaskOptions<S, State> = {},
): TaskView<S, State> {
  const client = useTaskClient<S>(task);
  const isWatched = id !== null && id !== undefined;
  // Another id is another store: nothing of the one before is left.
  const watched = useMemo(
    () => new WatchedTask<S, State>(isWatched ? client.attach(id) : undefined, options),
    [client, id, isWatched],
  );
  // Before the store is subscribed to, which is the next effect.
  useEffect(() => {
    watched.options = options;
  });
  return useSyncExternalStore(watched.subscribe, watched.getView, watched.getIdle);
}

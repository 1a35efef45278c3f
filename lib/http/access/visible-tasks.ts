// Not the global one: a test may fake that.
import { setImmediate } from 'node:timers';
import type { TaskEngine, TaskQuery } from '../../engine/task-engine.js';
import type { TaskView } from '../../engine/task-view.js';

/** How many tasks are asked about at once: an authorizer may need a query for each. */
const MAX_ASKED_AT_ONCE = 100;

export interface VisiblePage {
  readonly views: readonly TaskView[];
  readonly nextCursor: string | null;
}

/**
 * The first `limit` of these tasks that may be seen. However many others there are, all of them are looked at: a client
 * that may see none must not learn from the answer that they exist.
 *
 * @param maySee asked once for each task until there are enough, for some at the same time
 * @param isGone whether the client has left, so that the rest is not looked at
 */
export async function visibleTasks(
  engine: TaskEngine,
  query: TaskQuery,
  limit: number,
  maySee: (view: TaskView) => Promise<boolean>,
  isGone: () => boolean,
): Promise<VisiblePage> {
  const views: TaskView[] = [];
  let { cursor } = query;
  let nextCursor: string | null = null;
  let size = Math.min(limit + 1, MAX_ASKED_AT_ONCE);
  while (!isGone()) {
    const listing = await engine.list({ ...query, cursor }, size);
    const answers = await Promise.all(listing.views.map(maySee));
    for (const [index, view] of listing.views.entries()) {
      if (!answers[index]) continue;
      // One more than the page holds tells that it is not the last.
      if (views.length === limit) return { views, nextCursor };
      views.push(view);
      if (views.length === limit) nextCursor = listing.cursorBehind(index);
    }
    if (listing.views.length < size) break;
    cursor = listing.cursorBehind(size - 1);
    size = Math.min(2 * size, MAX_ASKED_AT_ONCE);
    // The answers may have come without any I/O: others get their turn.
    await new Promise(setImmediate);
  }
  return { views, nextCursor: null };
}

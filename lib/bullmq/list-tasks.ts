import type { TaskListing, TaskQuery } from '../engine/task-engine.js';
import { InvalidQueryError } from '../task/errors.js';
import { isTaskRef, type TaskRef } from '../task/task-ref.js';
import type { ListedTask, TaskIndex } from './redis/task-index.js';
import type { RemoteView } from './views/remote-view.js';
import { refOf } from './ref-of.js';

/** How many tasks are looked up at once. */
const PAGE_LENGTH = 100;

interface Found {
  readonly listed: ListedTask;
  readonly view: RemoteView;
}

/** Lists tasks of all instances, newest first. */
export async function listTasks(
  index: TaskIndex,
  find: (ref: TaskRef) => Promise<RemoteView | undefined>,
  { cursor, ...filter }: TaskQuery,
  most: number,
): Promise<TaskListing> {
  const found: Found[] = [];
  let behind = cursor === undefined ? undefined : readCursor(cursor);
  for (let hasMore = true; hasMore && found.length < most;) {
    const page = await index.page(behind, PAGE_LENGTH);
    const views = await Promise.all(
      page.map(async ({ key }) => (mayPass(refOf(key), filter) ? find(refOf(key)) : undefined)),
    );
    for (const [at, view] of views.entries()) {
      const listed = page[at];
      if (listed && view && passes(view, filter)) found.push({ listed, view });
    }
    behind = page.at(-1);
    hasMore = page.length === PAGE_LENGTH;
  }
  const listing = found.slice(0, most);
  return {
    views: listing.map(({ view }) => view),
    cursorBehind: (at) => cursorOf((listing[at] as Found).listed),
  };
}

/** It tells nothing that the list it came with does not show. */
function cursorOf({ time, key }: ListedTask): string {
  return Buffer.from(`${time} ${key}`).toString('base64url');
}

/** @throws InvalidQueryError */
function readCursor(cursor: string): ListedTask {
  const [, time, key] = /^(\d{1,16}) (\S+)$/.exec(Buffer.from(cursor, 'base64url').toString()) ?? [];
  if (time === undefined || key === undefined || !isTaskRef(refOf(key))) {
    throw new InvalidQueryError(
      `Invalid cursor ${JSON.stringify(cursor.slice(0, 80))}: give the nextCursor of the page before`,
    );
  }
  return { time: Number(time), key };
}

function mayPass(ref: TaskRef, { app, name }: TaskQuery): boolean {
  return (app === undefined || ref.app === app) && (name === undefined || ref.name === name);
}

function passes({ status, owner }: RemoteView, filter: TaskQuery): boolean {
  return (
    (filter.status === undefined || status === filter.status) &&
    (filter.owner === undefined || owner === filter.owner)
  );
}

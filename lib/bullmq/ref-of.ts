import type { TaskRef } from '../task/task-ref.js';

/** The task of a key: no part of it holds a colon. */
export function refOf(key: string): TaskRef {
  const [app = '', name = '', id = ''] = key.split(':');
  return { app, name, id };
}

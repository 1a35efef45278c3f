import { markOfTask } from '../../../lib/log/wire/epoch.js';
import { type TaskRef, taskKey } from '../../../lib/task/task-ref.js';

/** Pairs of tasks whose epochs have the same mark by chance: among some thousands there are a few. */
export function alikeTasks(count: number): (readonly [TaskRef, TaskRef])[] {
  const byMark = new Map<string, TaskRef>();
  const pairs: (readonly [TaskRef, TaskRef])[] = [];
  for (let n = 1; pairs.length < count; n++) {
    const ref = { app: 'test', name: 'task', id: String(n) };
    const mark = markOfTask(taskKey(ref));
    const before = byMark.get(mark);
    if (before) pairs.push([before, ref]);
    byMark.set(mark, ref);
  }
  return pairs;
}

import type { TaskType } from '../../task-types/task-type.js';

const made = new WeakMap<TaskType, TaskType>();

/**
 * The same type, for one try: whether there is another is decided by the owner of the task.
 *
 * @param onLate called before the handler is, where that takes a turn: each try may get a handler of its own
 */
export function oneTryOf(type: TaskType, onLate: () => void): TaskType {
  return {
    ...once(type),
    resolve: (request) => {
      const resolved = type.resolve(request);
      if (!(resolved instanceof Promise)) return resolved;
      return resolved.then((handler) => {
        onLate();
        return handler;
      });
    },
  };
}

function once(type: TaskType): TaskType {
  const known = made.get(type);
  if (known) return known;
  const one = { ...type, options: { ...type.options, attempts: 1 } };
  made.set(type, one);
  return one;
}

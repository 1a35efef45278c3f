import { formatCompositeId } from '../../../log/wire/composite-id.js';
import { toJson } from '../../../task/json/json.js';
import { type TaskRef, taskPath } from '../../../task/task-ref.js';
import type { StreamMessage, TaskSubscription, WatchedTask } from './task-subscription.js';

/** A task of a list that cannot be watched, and why. */
export interface UnavailableTask {
  readonly ref: TaskRef;
  readonly code: string;
  readonly message: string;
  /** What the stream's id holds for it meanwhile. */
  readonly id: string;
}

export type ListedTask = WatchedTask | UnavailableTask;

export function isWatched(task: ListedTask): task is WatchedTask {
  return 'view' in task;
}

/** The tasks of a list on one stream. Each event names its task, and its id holds the positions in all of them. */
export class TaskList {
  readonly #positions: string[];

  constructor(private readonly tasks: readonly (TaskSubscription | UnavailableTask)[]) {
    this.#positions = tasks.map(({ id }) => id);
  }

  /** What comes before all else: the tasks that cannot be watched. */
  get notices(): readonly StreamMessage[] {
    const id = formatCompositeId(this.#positions);
    return this.tasks.flatMap((task) => {
      if (!('code' in task)) return [];
      const { ref, code, message } = task;
      return [{ type: 'unavailable', json: toJson({ task: taskPath(ref), code, message }), id }];
    });
  }

  /** The message that a task of these has just given, as it goes out. */
  wrap({ type, json, id }: StreamMessage, task: TaskSubscription): StreamMessage {
    this.#positions[this.tasks.indexOf(task)] = task.id;
    const path = taskPath(task.view.ref);
    const wrapped = `{"task":"${path}","id":"${id}","data":${json}}`;
    return { type, json: wrapped, id: formatCompositeId(this.#positions) };
  }
}

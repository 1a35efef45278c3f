import type { TaskInput } from '../task-types/input/task-input.js';
import type { TaskType } from '../task-types/task-type.js';
import type { Json } from '../task/json/json.js';
import type { TaskRef } from '../task/task-ref.js';

/** What one run is started with, besides its input. */
export interface RunOptions {
  readonly timeout: number | null;
  readonly grace: number;
  /** In how many milliseconds its handler may be called; 0 where it is not given. */
  readonly delay?: number;
  /** From 0, which it is where it is not given: of those that wait, the highest is next. */
  readonly priority?: number;
  readonly owner?: string;
  readonly metadata?: Json;
}

/** A task to be started: all of it is checked. */
export interface NewTask {
  readonly type: TaskType;
  readonly ref: TaskRef;
  readonly input: TaskInput;
  readonly options: RunOptions;
  /** Its abort cancels the task. */
  readonly signal: AbortSignal | undefined;
  /** Whether the id was made for this task, so that no other one can have it. */
  readonly isNew: boolean;
  /** Whether an ended task of this id runs again. */
  readonly restart: boolean;
}

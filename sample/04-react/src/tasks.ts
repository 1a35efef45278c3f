import type { TaskMap } from 'nestjs-streaming/task';
import type { AnswerState, AnswerTask } from './answer.task.js';
import type { ImportTask } from './import.task.js';

/** What the page knows of the tasks: types alone, from the declarations that the build writes. */
export type Tasks = TaskMap<{
  app: {
    AnswerTask: { task: typeof AnswerTask; state: AnswerState };
    ImportTask: typeof ImportTask;
  };
}>;

import type { TaskMap } from 'nestjs-streaming/task';
import type { ImportTask } from './import.task.js';
import type { TranscodeTask } from './transcode.task.js';

export type Tasks = TaskMap<{
  media: { TranscodeTask: typeof TranscodeTask };
  data: {
    ImportTask: {
      task: typeof ImportTask;
      input: { file: string; skip?: number };
      state: { rows: number; newest: Date };
    };
  };
}>;

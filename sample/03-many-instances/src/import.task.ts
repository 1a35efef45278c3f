import { StreamTask, type TaskContext, type TaskHandler } from 'nestjs-streaming';
import { z } from 'zod';
import { instanceName } from './instance-name.js';

export const importInput = z.object({
  rows: z.int().min(1).max(10_000).default(120),
  /** Milliseconds that a row takes. */
  pace: z.int().min(1).max(10_000).default(250),
});

export type ImportInput = z.infer<typeof importInput>;

export interface ImportResult {
  readonly rows: number;
  /** Where it ended. */
  readonly instance: string;
}

/**
 * Imports rows, one after the other. When its instance closes or is lost, it goes on at another one, behind the row of
 * its newest checkpoint. A row that was imported but not yet in a checkpoint is imported again: that must do no harm.
 */
@StreamTask({
  input: importInput,
  resumable: true,
  // Of each instance: with three of them, 50 tasks still run at once while one is away.
  concurrency: 25,
})
export class ImportTask implements TaskHandler<ImportInput, ImportResult> {
  async process(task: TaskContext<ImportInput>): Promise<ImportResult> {
    const { rows, pace } = task.input;
    const done = (task.checkpoint as number | null) ?? 0;
    for (let row = done + 1; row <= rows; row++) {
      await task.sleep(pace);
      await task.progress({
        percent: Math.floor((100 * row) / rows),
        message: `Row ${row} of ${rows}`,
        row,
        instance: instanceName,
      });
      await task.saveCheckpoint(row);
    }
    return { rows, instance: instanceName };
  }
}

import { StreamTask, type TaskContext, type TaskHandler } from 'nestjs-streaming/task';

export interface Imported {
  rows: number;
}

@StreamTask()
export class ImportTask implements TaskHandler<{ file: string }, Imported> {
  async *process(task: TaskContext<{ file: string }>): AsyncGenerator<number, Imported> {
    yield 50;
    return { rows: task.input.file.length };
  }
}

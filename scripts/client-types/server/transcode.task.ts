import { StreamTask, type TaskContext } from 'nestjs-streaming/task';

export class TranscodeInput {
  declare readonly path: string;
  declare readonly since: Date;
}

export interface TranscodeEvents {
  probe: { codec: string };
  frame: { n: number; at: Date };
}

@StreamTask({ input: TranscodeInput, timeout: 60_000 })
export class TranscodeTask {
  constructor(private readonly quality: number) {}

  async process(task: TaskContext<TranscodeInput, TranscodeEvents>) {
    await task.sendEvent('probe', { codec: 'av1' });
    await task.timeout(1_000, async (scope) => scope.sleep(this.quality));
    return { url: task.input.path, at: new Date() };
  }
}

import { IsInt, Min } from 'class-validator';
import { StreamTask, type TaskContext, type TaskHandler } from 'nestjs-streaming';
import { AppService } from './app.service.js';

export class CountdownInput {
  @IsInt()
  @Min(1)
  from!: number;
}

@StreamTask({ input: CountdownInput })
export class CountdownTask implements TaskHandler<CountdownInput, { said: string }> {
  constructor(private readonly app: AppService) {}

  async process(task: TaskContext<CountdownInput>): Promise<{ said: string }> {
    for (let left = task.input.from; left > 0; left--) {
      await task.sendEvent('left', { left });
      await task.sleep(1_000);
    }
    return { said: this.app.getHello() };
  }
}

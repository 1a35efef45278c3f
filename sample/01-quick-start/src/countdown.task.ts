import { type Progress, StreamTask, type TaskContext, type TaskHandler } from 'nestjs-streaming';
import { inputSchema, refuse } from './input.js';

export interface CountdownInput {
  /** From 2 to 3 600; 10 when left out. */
  readonly seconds: number;
}

export interface CountdownResult {
  readonly counted: number;
}

const countdownInput = inputSchema<CountdownInput>(({ seconds = 10 }) => {
  const isValid =
    typeof seconds === 'number' && Number.isInteger(seconds) && seconds >= 2 && seconds <= 3_600;
  return isValid ? { value: { seconds } } : refuse('seconds', 'expected a whole number from 2 to 3600');
});

/** Counts down, and half-way waits until somebody says `continue`. What it yields is its progress. */
@StreamTask({ input: countdownInput })
export class CountdownTask implements TaskHandler<CountdownInput, CountdownResult> {
  async *process(task: TaskContext<CountdownInput>): AsyncGenerator<Progress, CountdownResult> {
    const { seconds } = task.input;
    const halfWay = Math.floor(seconds / 2);
    for (let left = seconds; left > 0; left--) {
      const percent = Math.floor(((seconds - left) / seconds) * 100);
      if (left === halfWay) {
        // The page shows its Continue button for this.
        yield { percent, message: 'Half-way: waiting for you to continue', waitingFor: 'continue' };
        await task.waitForSignal('continue');
      }
      yield { percent, message: `${left} …` };
      await task.sleep(1_000);
    }
    return { counted: seconds };
  }
}

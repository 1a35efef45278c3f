import { StreamTask, type TaskContext } from 'nestjs-streaming/task';
import { z } from 'zod';
import { writeAnswer } from './language-model.js';

/** What all tokens so far make. */
export interface AnswerState {
  readonly text: string;
}

export interface AnswerEvents {
  token: { text: string };
}

const answerInput = z.object({ question: z.string().trim().min(1).max(1_000) });

/** Answers a question word by word. A page that comes late begins with the text so far, and goes on from there. */
@StreamTask({
  input: answerInput,
  state: {
    initial: { text: '' },
    reduce: (state: AnswerState, { type, data }): AnswerState =>
      type === 'token' ? { text: state.text + (data as AnswerEvents['token']).text } : state,
  },
})
export class AnswerTask {
  async process(task: TaskContext<z.output<typeof answerInput>, AnswerEvents>): Promise<{ words: number }> {
    let words = 0;
    // A cancel ends the request to the model, too: nothing is written, and paid for, that nobody reads.
    for await (const text of writeAnswer(task.input.question, task.signal)) {
      await task.sendEvent('token', { text });
      words++;
    }
    return { words };
  }
}

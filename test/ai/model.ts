import { convertToModelMessages, streamText, toUIMessageStream } from 'ai';
import { MockLanguageModelV4 } from 'ai/test';
import { type ChatInput, sendUIMessageStream } from 'nestjs-streaming/ai';
import type { TaskContext } from 'nestjs-streaming';
import type { Type } from '@nestjs/common';
import { handlerTask } from '../support/app.js';

type Model = InstanceType<typeof MockLanguageModelV4>;
type Part = Awaited<ReturnType<Model['doStream']>>['stream'] extends ReadableStream<infer P> ? P : never;

/** A model whose answers are in the test's hands, as `streamText()` sees one. */
export class Speaker {
  /** The texts of the requests. */
  readonly asked: string[] = [];
  /** Requests that were aborted. */
  aborted = 0;
  readonly type: Type;
  #controller: ReadableStreamDefaultController<Part> | undefined;

  constructor() {
    const model = new MockLanguageModelV4({
      doStream: async ({ prompt, abortSignal }) => {
        this.asked.push(JSON.stringify(prompt));
        const stream = new ReadableStream<Part>({
          start: (controller) => {
            this.#controller = controller;
            controller.enqueue({ type: 'stream-start', warnings: [] });
            controller.enqueue({ type: 'text-start', id: '1' });
          },
        });
        abortSignal?.addEventListener('abort', () => {
          this.aborted += 1;
          this.#controller?.error(abortSignal.reason);
        });
        return { stream };
      },
    });
    this.type = handlerTask(
      async (task: TaskContext<ChatInput>) => {
        const messages = await convertToModelMessages(task.input.messages);
        const answer = streamText({
          model,
          messages,
          abortSignal: task.signal,
          maxRetries: 0,
          onError: () => undefined,
        });
        await sendUIMessageStream(task, toUIMessageStream({ stream: answer.stream }));
      },
      { name: 'AnswerTask' },
    );
  }

  say(delta: string): void {
    this.#controller?.enqueue({ type: 'text-delta', id: '1', delta });
  }

  finish(): void {
    const usage = {
      inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
      outputTokens: { total: 1, text: 1, reasoning: 0 },
    };
    this.#controller?.enqueue({ type: 'text-end', id: '1' });
    this.#controller?.enqueue({ type: 'finish', usage, finishReason: { unified: 'stop', raw: 'stop' } });
    this.#controller?.close();
  }

  fail(error: Error): void {
    this.#controller?.error(error);
  }
}

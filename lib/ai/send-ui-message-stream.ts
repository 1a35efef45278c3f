import type { UIMessageChunk } from 'ai';
import { PART } from './chunks.js';

/**
 * What {@link sendUIMessageStream} needs of a task: a `TaskContext` has it.
 *
 * @publicApi
 */
export interface AnsweringTask {
  readonly id: string;
  readonly input: unknown;
  readonly signal: AbortSignal;
  sendEvent(type: 'part', data: UIMessageChunk): Promise<void>;
}

/**
 * The events of a task that answers: `TaskContext<ChatInput, ChatEvents>`.
 *
 * @publicApi
 */
export interface ChatEvents {
  part: UIMessageChunk;
}

/** The model has failed in mid-answer. A second try would write the answer again behind the first. */
class AnswerFailedError extends Error {
  override readonly name = 'AnswerFailedError';
  readonly retryable = false;
}

/**
 * Sends an answer of a model as events of the task. When the task is cancelled, the stream is cancelled too, and this rejects with
 * the task's reason.
 *
 * Give `task.signal` to the model as well: `streamText()` splits its stream, and goes on when one branch is cancelled.
 *
 * @param stream what `streamText(…).toUIMessageStream()` gives
 * @throws an error that is not tried again when the model fails in mid-answer. Those who watch have its text
 * @example
 * async process(task: TaskContext<ChatInput, ChatEvents>) {
 *   const messages = await convertToModelMessages(task.input.messages);
 *   const answer = streamText({ model, messages, abortSignal: task.signal });
 *   await sendUIMessageStream(task, answer.toUIMessageStream());
 * }
 * @publicApi
 */
export async function sendUIMessageStream(
  task: AnsweringTask,
  stream: ReadableStream<UIMessageChunk>,
): Promise<void> {
  const { signal } = task;
  const reader = stream.getReader();
  // A read that waits is done then, whatever the source makes of it.
  const stop = (): void => void reader.cancel(signal.reason).catch(() => undefined);
  signal.addEventListener('abort', stop);
  let failure: string | undefined;
  let isFirst = true;
  try {
    if (signal.aborted) stop();
    for (;;) {
      const { done, value: chunk } = await reader.read();
      if (signal.aborted) throw signal.reason;
      if (done) break;
      // The same message in every view, and after every reload.
      const start = { type: 'start', messageId: messageIdOf(task) } as const;
      if (isFirst && chunk.type !== 'start') await task.sendEvent(PART, start);
      isFirst = false;
      await task.sendEvent(PART, chunk.type === 'start' ? { ...start, ...chunk } : chunk);
      if (chunk.type === 'error') failure = chunk.errorText;
    }
  } catch (error) {
    stop();
    throw error;
  } finally {
    signal.removeEventListener('abort', stop);
  }
  if (failure !== undefined) throw new AnswerFailedError(failure);
}

/** An answer that goes on with a message, after a tool has given its output, keeps that message's id. */
function messageIdOf({ id, input }: AnsweringTask): string {
  const { messages } = (input ?? {}) as { messages?: unknown };
  const last = (Array.isArray(messages) ? messages.at(-1) : undefined) as
    { role?: unknown; id?: unknown } | undefined;
  return last?.role === 'assistant' && typeof last.id === 'string' ? last.id : id;
}

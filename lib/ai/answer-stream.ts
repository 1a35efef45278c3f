import type { UIMessageChunk } from 'ai';
import type { RunEvent, TaskRun } from '../client/index.js';
import { isTerminal, outcomeOfEvent } from '../client/outcome.js';
import { addChunk, PART } from './chunks.js';

/** Where an answer is read from. */
export interface AnswerOptions {
  /** Its abort stops reading. It never cancels the task. */
  readonly signal?: AbortSignal | undefined;
  /** The id of the newest event when reading begins: what comes up to there is given at once. */
  readonly until?: string | undefined;
  /** Called when the task has ended. */
  readonly onEnd?: () => void;
}

/** The parts of an answer, from the first on, as `useChat` reads them. */
export function answerOf<R extends Pick<TaskRun, 'events'>>(
  run: R,
  options: AnswerOptions,
): ReadableStream<UIMessageChunk> {
  const { signal, until, onEnd } = options;
  const events = run.events();
  /** What was said before reading began. */
  let past: UIMessageChunk[] | undefined = until === undefined ? undefined : [];
  let steps = 0;
  let isOver = false;
  let stop = (): void => undefined;

  return new ReadableStream<UIMessageChunk>({
    start(controller) {
      stop = (): void => {
        signal?.removeEventListener('abort', stop);
        void events.return?.();
        if (isOver) return;
        isOver = true;
        controller.close();
      };
      signal?.addEventListener('abort', stop);
      if (signal?.aborted) stop();
    },
    async pull(controller) {
      const give = (chunk: UIMessageChunk): void => {
        if (past) addChunk(past, chunk);
        else controller.enqueue(chunk);
      };
      // Until there is a part to give: many events are none.
      for (let isGiven = false; ;) {
        const next = await events.next();
        if (isOver) return;
        if (next.done === true) {
          stop();
          return;
        }
        const event: RunEvent = next.value;
        const isEnd = isTerminal(event.type) || event.type === 'gap';
        for (const chunk of chunksOf(event)) {
          if (chunk.type === 'start-step') steps += 1;
          // A second try. What it takes back was not given yet, or is that of one step.
          if (chunk.type === 'reset-step' && event.type !== PART) {
            const canReset = past !== undefined || steps < 2;
            past &&= [];
            steps = 0;
            give(canReset ? chunk : errorOf('The answer was begun again'));
          } else {
            give(chunk);
          }
          if (chunk.type === 'error') onEnd?.();
          isGiven = true;
        }
        if (past && (isEnd || event.id === until)) {
          const chunks = past;
          past = undefined;
          for (const chunk of chunks) give(chunk);
        }
        if (isEnd) {
          onEnd?.();
          stop();
          return;
        }
        if (isGiven && past === undefined) return;
      }
    },
    cancel() {
      isOver = true;
      stop();
    },
  });
}

function chunksOf({ type, data }: RunEvent): UIMessageChunk[] {
  if (type === PART) return [data as UIMessageChunk];
  if (type === 'started') return (data as { attempt: number }).attempt > 1 ? [{ type: 'reset-step' }] : [];
  if (type === 'gap')
    return [errorOf('A part of the answer is missing: the server keeps too few events (`replay`)')];
  if (!isTerminal(type)) return [];
  const outcome = outcomeOfEvent(type, data);
  if (outcome.status === 'failed') return [errorOf(outcome.message)];
  if (outcome.status === 'timeout') return [errorOf('The answer took too long')];
  return outcome.status === 'cancelled' ? [{ type: 'abort', reason: outcome.detail ?? outcome.reason }] : [];
}

function errorOf(errorText: string): UIMessageChunk {
  return { type: 'error', errorText };
}

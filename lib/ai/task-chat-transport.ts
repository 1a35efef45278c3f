import type { ChatRequestOptions, ChatTransport, UIMessage, UIMessageChunk } from 'ai';
import type { TaskClient, TaskRun, TaskShape } from '../client/index.js';
import { answerOf } from './answer-stream.js';
import { RunPointers, type RunStorage } from './run-pointers.js';

/**
 * What is asked for: the task's input, unless `input` makes another of it.
 *
 * @publicApi
 */
export interface ChatInput<M extends UIMessage = UIMessage> {
  /** Of the chat. */
  readonly id: string;
  readonly messages: M[];
  readonly trigger: 'submit-message' | 'regenerate-message';
  /** Of the message that is answered anew. */
  readonly messageId?: string;
}

/**
 * For {@link TaskChatTransport}.
 *
 * @publicApi
 */
export interface TaskChatOptions<S extends TaskShape, M extends UIMessage = UIMessage> {
  /** The task's input. @defaultValue the request, with what `sendMessage()` was given as `body` */
  readonly input?: (request: ChatInput<M>, options: ChatRequestOptions) => S['input'];
  /** Keeps which run answers a chat, for a page that is loaded again. `false`: nothing is kept. @defaultValue `localStorage` */
  readonly storage?: RunStorage | false;
}

type SendOptions<M extends UIMessage> = Parameters<ChatTransport<M>['sendMessages']>[0];
type ReconnectOptions<M extends UIMessage> = Parameters<ChatTransport<M>['reconnectToStream']>[0];

/** The run that answers a chat, as far as this page knows. */
interface Answer {
  readonly run: TaskRun;
  /** Settles when the server has said whether it was started. */
  readonly started: Promise<unknown>;
  readonly cut: AbortController;
}

/**
 * Has tasks answer a chat. An abort stops watching; only `cancel()` cancels the task, as `useChat` aborts when its component is
 * unmounted.
 *
 * @publicApi
 */
export class TaskChatTransport<
  S extends TaskShape,
  M extends UIMessage = UIMessage,
> implements ChatTransport<M> {
  /** A run is read from its first part on. */
  readonly resumeStreamIsReplay = true;
  readonly #answers = new Map<string, Answer>();
  readonly #pointers: RunPointers;

  /** @param task what `client.task(app, name)` gives */
  constructor(
    private readonly task: TaskClient<S>,
    private readonly options: TaskChatOptions<S, M> = {},
  ) {
    this.#pointers = new RunPointers(task, options.storage);
  }

  readonly sendMessages = async (given: SendOptions<M>): Promise<ReadableStream<UIMessageChunk>> => {
    const { chatId, messages, trigger, messageId, abortSignal } = given;
    const { input = (asked, { body }) => ({ ...body, ...asked }) } = this.options;
    const asked = { id: chatId, messages, trigger, ...(messageId !== undefined && { messageId }) };
    const isNew = trigger === 'submit-message' && messageId === undefined;
    const id = (isNew ? runIdOf(chatId, messages.at(-1)) : undefined) ?? randomId();
    const cut = new AbortController();
    const starting = this.task.start(input(asked, given), { id, signal: cut.signal });
    const answer: Answer = { run: this.task.attach(id) as unknown as TaskRun, started: starting, cut };
    this.#answers.set(chatId, answer);
    this.#pointers.set(chatId, id);
    try {
      await starting;
    } catch (error) {
      // What was cancelled meanwhile is forgotten when the server has said so.
      if (!cut.signal.aborted) this.#forget(chatId, answer);
      throw error;
    }
    return this.#read(chatId, answer, abortSignal, undefined);
  };

  readonly reconnectToStream = async (
    given: ReconnectOptions<M>,
  ): Promise<ReadableStream<UIMessageChunk> | null> => {
    const { chatId, abortSignal } = given;
    const id = this.#pointers.get(chatId);
    if (id === undefined) return null;
    const run = this.task.attach(id) as unknown as TaskRun;
    const answer: Answer = { run, started: Promise.resolve(), cut: new AbortController() };
    try {
      const { lastEventId } = await run.snapshot();
      if (abortSignal?.aborted) return null;
      this.#answers.set(chatId, answer);
      return this.#read(chatId, answer, abortSignal, lastEventId ?? undefined);
    } catch (error) {
      if ((error as { code?: unknown } | null)?.code !== 'TASK_NOT_FOUND') throw error;
      this.#pointers.delete(chatId);
      return null;
    }
  };

  /**
   * Cancels the run that answers a chat, on whichever instance it is. Where the server does not answer, or refuses, the run stays known:
   * a second call asks again.
   *
   * @returns whether there was one to cancel
   * @throws StreamingRequestError where the server refuses
   * @throws StreamingConnectionError where it does not answer
   */
  async cancel(chatId: string, detail = 'stop'): Promise<boolean> {
    const answer = this.#answers.get(chatId);
    if (!answer) return false;
    // If it was not sent, it is not.
    answer.cut.abort();
    await answer.started.catch(() => undefined);
    let isCancelled = false;
    try {
      isCancelled = await answer.run.cancel(detail);
    } catch (error) {
      if ((error as { code?: unknown } | null)?.code !== 'TASK_NOT_FOUND') throw error;
    }
    this.#forget(chatId, answer);
    return isCancelled;
  }

  #read(
    chatId: string,
    answer: Answer,
    signal: AbortSignal | undefined,
    until: string | undefined,
  ): ReadableStream<UIMessageChunk> {
    return answerOf(answer.run, { signal, until, onEnd: () => this.#forget(chatId, answer) });
  }

  #forget(chatId: string, answer: Answer): void {
    if (this.#answers.get(chatId) !== answer) return;
    this.#answers.delete(chatId);
    this.#pointers.delete(chatId);
  }
}

/** The same for a message that is sent again after its answer was lost; `undefined` where none can be made of the ids. */
function runIdOf(chatId: string, message: UIMessage | undefined): string | undefined {
  const id = `${chatId}.${message?.id}`;
  return message?.role === 'user' && /^[\w.~-]{3,100}$/.test(id) ? id : undefined;
}

/** `crypto.randomUUID()` is there over HTTPS alone. */
function randomId(): string {
  return Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(36)).join('');
}

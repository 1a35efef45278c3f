'use client';

import { useChat, type UseChatHelpers, type UseChatOptions } from '@ai-sdk/react';
import type { ChatInit, UIMessage } from 'ai';
import { useCallback, useEffect, useMemo, useRef } from 'react';
import type { AnyTask, TaskClient, TaskShape, TaskTypeRef } from '../client/index.js';
import { useTaskClient } from '../react/streaming-provider.js';
import { type TaskChatOptions, TaskChatTransport } from './task-chat-transport.js';

/**
 * For {@link useTaskChat}: what `useChat` takes, but for its transport.
 *
 * @publicApi
 */
export type UseTaskChatOptions<
  S extends TaskShape = AnyTask,
  M extends UIMessage = UIMessage,
> = TaskChatOptions<S, M> & Omit<ChatInit<M>, 'transport'> & Pick<UseChatOptions<M>, 'throttle' | 'resume'>;

/**
 * `useChat` with tasks that answer. `stop()` cancels the task; where that fails, `onError` has the error, and a second `stop()` tries
 * again. An unmount, a reload or a closed tab only stops watching it; when the chat is mounted again, an answer that goes on is shown
 * from its first word on.
 *
 * @param task what `client.task(app, name)` gives; or `{ app, name }`, below a `StreamingProvider`
 * @param options `id`: of the chat. Without it an answer is not found again
 * @returns what `useChat` gives
 * @example
 * const { messages, sendMessage, stop, status } = useTaskChat(client.task('chat', 'AnswerTask'), { id: chatId });
 * @publicApi
 */
export function useTaskChat<S extends TaskShape, M extends UIMessage = UIMessage>(
  task: TaskClient<S> | TaskTypeRef,
  options: UseTaskChatOptions<S, M> = {},
): UseChatHelpers<M> {
  const { input, storage, resume = true, ...given } = options;
  const client = useTaskClient<S>(task);
  const { onError } = given;
  const newest = useRef({ input, onError });
  useEffect(() => {
    newest.current = { input, onError };
  });
  const transport = useMemo(
    () =>
      new TaskChatTransport<S, M>(client, {
        ...(storage !== undefined && { storage }),
        input: (asked, more) => (newest.current.input ?? (() => ({ ...more.body, ...asked })))(asked, more),
      }),
    [client, storage],
  );
  const helpers = useChat<M>({ ...given, transport, resume });
  const { id, stop: detach } = helpers;
  const stop = useCallback(async () => {
    // `useChat` tells `onError`, too: a button does not await what it calls.
    const cancelled = transport.cancel(id).catch((error: unknown) => {
      if (error instanceof Error) newest.current.onError?.(error);
    });
    await Promise.all([cancelled, detach()]);
  }, [transport, id, detach]);
  return { ...helpers, stop };
}

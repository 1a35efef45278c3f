import { describe, expect, test } from '@jest/globals';
import { MockLanguageModelV4 } from 'ai/test';
import type { ChatTransport, UIMessage } from 'ai';
import type { Type } from '@nestjs/common';
import type { TaskHandler } from 'nestjs-streaming';
import { createElement, type FunctionComponent } from 'react';
import { renderToString } from 'react-dom/server';
import { clientOf, refusal, rejectionOf, ScriptedServer } from '../../client/support.js';
import { createTaskApp } from '../../support/app.js';
import { eventually } from '../../support/wait.js';
import { page } from '../support/documents.js';
import { Examples } from '../support/examples.js';
import { compileComponents, diagnoseComponents } from '../support/sources.js';

const messages: UIMessage[] = [{ id: 'm-1', role: 'user', parts: [{ type: 'text', text: 'Why?' }] }];

describe('the page on the AI SDK', () => {
  const document = page('ai-sdk');
  const examples = new Examples(document);
  const components = document.blocks.filter(({ language }) => language === 'tsx');

  test('on the server', async () => {
    const { AnswerTask, Models } = await examples.load<{ AnswerTask: Type<TaskHandler>; Models: Type }>(
      'chat-answer.task.ts',
    );
    let aborted = 0;
    const model = new MockLanguageModelV4({
      doStream: async ({ abortSignal }) => {
        abortSignal?.addEventListener('abort', () => (aborted += 1));
        return {
          stream: new ReadableStream({
            start(controller) {
              controller.enqueue({ type: 'text-start', id: '1' });
              controller.enqueue({ type: 'text-delta', id: '1', delta: 'So.' });
            },
          }),
        };
      },
    });
    const { coordinator } = await createTaskApp({
      listen: false,
      tasks: [AnswerTask],
      providers: [{ provide: Models, useValue: { model } }],
    });
    const handle = await coordinator.start(AnswerTask, { id: 'chat-1', messages });
    const parts: unknown[] = [];
    handle.events().subscribe(({ type, data }) => type === 'part' && parts.push(data));
    await eventually(() => expect(parts).toContainEqual({ type: 'text-delta', id: '1', delta: 'So.' }));
    expect(await handle.cancel()).toBe(true);
    expect(await handle.outcome).toMatchObject({ status: 'cancelled', abandoned: false });
    expect(aborted).toBe(1);
  });

  test('in the page', async () => {
    expect(diagnoseComponents(components)).toEqual([]);
    const load = compileComponents(examples.scratch, components);
    const { Chat } = await load<{ Chat: FunctionComponent<{ id: string; earlier: UIMessage[] }> }>(
      'chat.react.tsx',
    );
    const html = renderToString(createElement(Chat, { id: 'chat-1', earlier: messages }));
    expect(html).toBe('<section><p>Why?</p><button>Ask</button></section>');
  }, 120_000);

  test('a chat of your own', async () => {
    const { transportOf } = await examples.load<{
      transportOf(task: unknown): ChatTransport<UIMessage>;
    }>('own-chat.ts');
    const server = await ScriptedServer.open(refusal(403, 'FORBIDDEN'));
    const transport = transportOf(clientOf(server).task('app', 'AnswerTask'));
    const sent = transport.sendMessages({
      chatId: 'chat-1',
      trigger: 'submit-message',
      messageId: undefined,
      messages: Array.from({ length: 30 }, () => messages).flat(),
      abortSignal: undefined,
    });
    expect(await rejectionOf(sent)).toMatchObject({ status: 403 });
    expect((JSON.parse(server.asked[0]?.body ?? '') as { messages: unknown[] }).messages).toHaveLength(20);
  });
});

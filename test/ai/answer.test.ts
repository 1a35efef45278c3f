import { describe, expect, it } from '@jest/globals';
import type { UIMessage, UIMessageChunk } from 'ai';
import type { ServerResponse } from 'node:http';
import { sendUIMessageStream, TaskChatTransport } from 'nestjs-streaming/ai';
import type { TaskContext } from 'nestjs-streaming';
import { answerOf } from '../../lib/ai/answer-stream.js';
import {
  frame,
  json,
  OPEN,
  refusal,
  rejectionOf,
  runOf,
  ScriptedServer,
  clientOf,
  serve,
  snapshot,
  stream,
} from '../client/support.js';
import { collect, createTaskApp, handlerTask } from '../support/app.js';
import { eventually } from '../support/wait.js';
import { PuppetTask } from '../support/watching.js';

const delta = (text: string): UIMessageChunk => ({ type: 'text-delta', id: '1', delta: text });
const part = (seq: number, chunk: UIMessageChunk): string => frame(`e-${seq}`, 'part', chunk);

async function read(chunks: ReadableStream<UIMessageChunk>): Promise<UIMessageChunk[]> {
  const found: UIMessageChunk[] = [];
  for await (const chunk of chunks) found.push(chunk);
  return found;
}

/** What a task sends that answers with this stream. */
async function answer(chunks: ReadableStream<UIMessageChunk>, input: object = {}, attempts = 1) {
  const Answer = handlerTask(async (task: TaskContext) => sendUIMessageStream(task, chunks), { attempts });
  const { coordinator } = await createTaskApp({ listen: false, tasks: [Answer] });
  const handle = await coordinator.start(Answer, input);
  return { handle, events: collect(handle.events()) };
}

const given = (...chunks: UIMessageChunk[]): ReadableStream<UIMessageChunk> =>
  new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });

describe('an answer that a task sends', () => {
  it('is its parts, of one message with the id of the task', async () => {
    const { handle, events } = await answer(
      given({ type: 'start' }, { type: 'text-start', id: '1' }, delta('a')),
    );
    const sent = (await events.done).filter(({ type }) => type === 'part').map(({ data }) => data);
    expect(sent).toEqual([
      { type: 'start', messageId: handle.ref.id },
      { type: 'text-start', id: '1' },
      { type: 'text-delta', id: '1', delta: 'a' },
    ]);
    expect(await handle.outcome).toMatchObject({ status: 'completed' });
  });

  it.each([
    ['the message that goes on', { messages: [{ id: 'm-1', role: 'assistant' }] }, undefined, 'm-1'],
    ['the id that the stream says', {}, 'm-2', 'm-2'],
  ])('keeps %s', async (_, input, messageId, expected) => {
    const { events } = await answer(
      given(...(messageId ? [{ type: 'start' as const, messageId }] : []), delta('a')),
      input,
    );
    const [first] = (await events.done).filter(({ type }) => type === 'part');
    expect(first?.data).toEqual({ type: 'start', messageId: expected });
  });

  it('that fails in the middle is not tried again', async () => {
    const { handle, events } = await answer(
      given(delta('a'), { type: 'error', errorText: 'no words' }),
      {},
      3,
    );
    expect(await handle.outcome).toMatchObject({ status: 'failed', error: { message: 'no words' } });
    const types = (await events.done).map(({ type }) => type);
    expect(types).toEqual(['started', 'part', 'part', 'part', 'failed']);
  });

  it('cancels its stream with the task, even one that never says anything', async () => {
    let cancelled: unknown;
    const silent = new ReadableStream<UIMessageChunk>({
      cancel(reason) {
        cancelled = reason;
        return new Promise(() => undefined);
      },
    });
    const { handle, events } = await answer(silent);
    await events.until('started');
    expect(await handle.cancel({ detail: 'stop' })).toBe(true);
    expect(await handle.outcome).toMatchObject({ status: 'cancelled', abandoned: false, swallowed: false });
    expect(cancelled).toMatchObject({ reason: { kind: 'external', detail: 'stop' } });
  });
});

describe('an answer that is read', () => {
  it('is joined up to where it was when reading began', async () => {
    const server = await ScriptedServer.open(
      stream(
        part(1, { type: 'start', messageId: 'm' }),
        part(2, { type: 'text-start', id: '1' }),
        ...['a', 'b', 'c', 'd'].map((text, index) => part(3 + index, delta(text))),
        frame('e-7', 'completed', { finalValue: null }),
      ),
    );
    expect(await read(answerOf(runOf(server), { until: 'e-5' }))).toEqual([
      { type: 'start', messageId: 'm' },
      { type: 'text-start', id: '1' },
      delta('abc'),
      delta('d'),
    ]);
  });

  it.each([
    ['failed', { message: 'no', errorType: 'Error' }, { type: 'error', errorText: 'no' }],
    ['timeout', { of: 'total', timeout: 5 }, { type: 'error', errorText: 'The answer took too long' }],
    ['cancelled', { reason: 'shutdown' }, { type: 'abort', reason: 'shutdown' }],
  ])('says how the task has ended: %s', async (type, data, expected) => {
    let ends = 0;
    const server = await ScriptedServer.open(stream(part(1, delta('a')), frame('e-2', type, data)));
    const chunks = await read(answerOf(runOf(server), { until: 'e-9', onEnd: () => (ends += 1) }));
    expect(chunks).toEqual([delta('a'), expected]);
    expect(ends).toBeGreaterThan(0);
  });

  it('takes back what a try has said that was followed by another', async () => {
    const step: UIMessageChunk = { type: 'start-step' };
    const again = frame('e-4', 'started', { attempt: 2 });
    const server = await ScriptedServer.open(
      stream(
        part(1, step),
        part(2, delta('a')),
        again,
        part(5, step),
        part(6, delta('b')),
        frame('e-7', 'completed', {}),
      ),
    );
    const reset: UIMessageChunk = { type: 'reset-step' };
    expect(await read(answerOf(runOf(server), {}))).toEqual([step, delta('a'), reset, step, delta('b')]);
    const late = await ScriptedServer.open(
      stream(
        part(1, step),
        part(2, delta('a')),
        again,
        part(5, step),
        part(6, delta('b')),
        frame('e-7', 'completed', {}),
      ),
    );
    expect(await read(answerOf(runOf(late), { until: 'e-6' }))).toEqual([reset, step, delta('b')]);
  });

  it('is an error where events are missing', async () => {
    const gap = frame('e-9', 'gap', { cause: 'trimmed', missed: 8, snapshot: snapshot() });
    const server = await ScriptedServer.open(stream(gap, part(10, delta('z')), OPEN));
    const [only, ...more] = await read(answerOf(runOf(server), { until: 'e-10' }));
    expect(only).toMatchObject({ type: 'error', errorText: expect.stringContaining('replay') });
    expect(more).toEqual([]);
  });
});

describe('TaskChatTransport', () => {
  const message: UIMessage = { id: 'm-1', role: 'user', parts: [{ type: 'text', text: 'Hello?' }] };
  const asked = {
    chatId: 'chat-1',
    messages: [message],
    trigger: 'submit-message' as const,
    messageId: undefined,
  };

  class Kept extends Map<string, string> {
    getItem(key: string): string | null {
      return this.get(key) ?? null;
    }
    setItem(key: string, value: string): void {
      this.set(key, value);
    }
    removeItem(key: string): void {
      this.delete(key);
    }
  }

  async function play() {
    const task = new PuppetTask();
    const app = await serve(task);
    const storage = new Kept();
    const client = clientOf(app).task('test', task.name);
    return { app, task, storage, client, transport: new TaskChatTransport(client, { storage }) };
  }

  it('starts a task, and an abort only stops watching', async () => {
    const { app, task, transport, storage } = await play();
    const cut = new AbortController();
    const chunks = await transport.sendMessages({
      ...asked,
      abortSignal: cut.signal,
      body: { model: 'small' },
    });
    const run = { app: 'test', name: task.name, id: 'chat-1.m-1' };
    await eventually(async () =>
      expect(await app.coordinator.get(run)).toMatchObject({ status: 'running', watchers: 1 }),
    );
    cut.abort();
    expect(await read(chunks)).toEqual([]);
    await eventually(async () =>
      expect(await app.coordinator.get(run)).toMatchObject({ status: 'running', watchers: 0 }),
    );
    expect([...storage.values()]).toEqual(['chat-1.m-1']);
    expect(await transport.cancel('chat-1')).toBe(true);
    await eventually(async () =>
      expect(await app.coordinator.get(run)).toMatchObject({ status: 'cancelled' }),
    );
    expect([...storage]).toEqual([]);
    expect(await transport.cancel('chat-1')).toBe(false);
    expect(await transport.reconnectToStream({ chatId: 'chat-1' })).toBeNull();
  });

  it.each([
    ['refused', refusal(500, 'OH')],
    ['not answered', (response: ServerResponse) => response.destroy()],
  ])('still knows the answer when its cancel is %s: a second one is heard', async (_what, fails) => {
    const storage = new Kept();
    let deletes = 0;
    const server = await ScriptedServer.open((response, request) => {
      if (request.method === 'PUT') return json(201, snapshot())(response, request);
      if (request.method !== 'DELETE') return stream(OPEN)(response, request);
      deletes += 1;
      const answers = [fails, json(202, { cancelled: true, status: 'cancelling' })];
      return answers[deletes - 1]?.(response, request);
    });
    const client = clientOf(server, { retry: { min: 1, max: 1, attempts: 1 } });
    const transport = new TaskChatTransport(client.task('app', 'Task'), { storage });
    const chunks = await transport.sendMessages({ ...asked, abortSignal: undefined });
    expect(await rejectionOf(transport.cancel('chat-1'))).toBeInstanceOf(Error);
    expect([...storage.values()]).toEqual(['chat-1.m-1']);
    expect(await transport.cancel('chat-1')).toBe(true);
    expect(deletes).toBe(2);
    expect([...storage]).toEqual([]);
    expect(await transport.cancel('chat-1')).toBe(false);
    await chunks.cancel();
  });

  it('gives the task the request, or what is made of it', async () => {
    const server = await ScriptedServer.open((response, request) =>
      (request.method === 'PUT' ? json(201, snapshot()) : stream(OPEN))(response, request),
    );
    const task = clientOf(server).task('app', 'Task');
    const one = new TaskChatTransport(task, { storage: false });
    await (await one.sendMessages({ ...asked, abortSignal: undefined, body: { model: 'small' } })).cancel();
    const other = new TaskChatTransport(task, {
      storage: false,
      input: ({ messages }) => ({ last: messages.at(-1)?.id }),
    });
    await (
      await other.sendMessages({ ...asked, trigger: 'regenerate-message', abortSignal: undefined })
    ).cancel();
    const puts = server.asked.filter(({ method }) => method === 'PUT');
    expect(JSON.parse(puts[0]?.body ?? '')).toEqual({
      id: 'chat-1',
      messages: [message],
      trigger: 'submit-message',
      model: 'small',
    });
    expect(JSON.parse(puts[1]?.body ?? '')).toEqual({ last: 'm-1' });
    // An answer that is given anew is another run.
    expect(puts[0]?.url).toMatch(/chat-1\.m-1$/);
    expect(puts[1]?.url).not.toContain('chat-1');
  });

  it('keeps nothing of a task that was refused or is gone', async () => {
    const storage = new Kept();
    const server = await ScriptedServer.open(
      refusal(403, 'FORBIDDEN'),
      refusal(404, 'TASK_NOT_FOUND'),
      refusal(500, 'OH'),
    );
    const transport = new TaskChatTransport(
      clientOf(server, { retry: { min: 1, max: 1, attempts: 1 } }).task('app', 'Task'),
      {
        storage,
      },
    );
    expect(await rejectionOf(transport.sendMessages({ ...asked, abortSignal: undefined }))).toMatchObject({
      status: 403,
    });
    expect([...storage]).toEqual([]);
    storage.set('nestjs-streaming:app/Task/chat-1', 'run-1');
    expect(await transport.reconnectToStream({ chatId: 'chat-1' })).toBeNull();
    expect([...storage]).toEqual([]);
    storage.set('nestjs-streaming:app/Task/chat-1', 'run-1');
    expect(await rejectionOf(transport.reconnectToStream({ chatId: 'chat-1' }))).toMatchObject({
      status: 500,
    });
    expect([...storage.values()]).toEqual(['run-1']);
  });
});

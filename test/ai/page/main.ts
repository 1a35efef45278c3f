/** A page with a chat. What it has shown is kept for the test, and its messages for the next load. */
import { createElement as h, type FunctionComponent, StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import type { UIMessage } from 'ai';
import { useTaskChat } from 'nestjs-streaming/ai';
import { createStreamingClient } from 'nestjs-streaming/client';

interface Page {
  readonly document: { getElementById(id: string): Parameters<typeof createRoot>[0] };
  readonly location: { readonly search: string };
  readonly localStorage: { getItem(key: string): string | null; setItem(key: string, value: string): void };
  shown?: string[];
}
const page = globalThis as unknown as Page;
const client = createStreamingClient({ baseUrl: '/stream', retry: { min: 5, max: 20 } });
const shown: string[] = [];
page.shown = shown;

function textOf({ role, parts }: UIMessage): string {
  return `${role}: ${parts.map((part) => (part.type === 'text' ? part.text : '')).join('')}`;
}

const Chat: FunctionComponent = () => {
  const chat = useTaskChat(client.task('test', 'AnswerTask'), {
    id: 'chat-1',
    messages: JSON.parse(page.localStorage.getItem('messages') ?? '[]') as UIMessage[],
  });
  const { messages, status, error } = chat;
  page.localStorage.setItem('messages', JSON.stringify(messages));
  shown.push(messages.map(textOf).join(' | '));
  return h(
    'section',
    null,
    h('output', null, `${status}: ${messages.map(textOf).join(' | ')} ${error?.message ?? ''}`),
    h('button', { onClick: () => void chat.sendMessage({ text: 'Hello?' }) }, 'Send'),
    h('button', { onClick: () => void chat.regenerate() }, 'Again'),
    h('button', { onClick: () => void chat.stop() }, 'Stop'),
  );
};

const root = createRoot(page.document.getElementById('root'));
const show = (): void =>
  root.render(page.location.search === '?plain' ? h(Chat) : h(StrictMode, null, h(Chat)));
Object.assign(globalThis, { show, hide: () => root.render(null) });
show();

import { expect, it } from '@jest/globals';
import type { StreamingClient } from 'nestjs-streaming/client';
import { StreamingProvider, useStartTask, useTask, useTasks } from 'nestjs-streaming/react';
import { createElement, type FunctionComponent } from 'react';
import { renderToString } from 'react-dom/server';
import { clientOf, ScriptedServer, hang } from '../client/support.js';
import { quiet } from '../support/watching.js';

async function render(Component: FunctionComponent<{ client: StreamingClient }>) {
  const server = await ScriptedServer.open(hang);
  const client = clientOf(server);
  const html = renderToString(
    createElement(StreamingProvider, { client }, createElement(Component, { client })),
  );
  await new Promise((resolve) => setTimeout(resolve, quiet));
  expect(server.asked).toEqual([]);
  return html;
}

it('renders the idle state on the server, and asks for nothing', async () => {
  const html = await render(({ client }) => {
    const { status, connection, events, state } = useTask<
      { input: unknown; result: unknown; events: object },
      number
    >(client.task('app', 'Task'), 'one', { initial: 3 });
    return JSON.stringify({ status, connection, events, state });
  });
  expect(JSON.parse(html.replaceAll('&quot;', '"'))).toEqual({ connection: 'idle', events: [], state: 3 });
});

it('renders a form and a list on the server', async () => {
  const html = await render(() => {
    const { pending, error } = useStartTask({ app: 'app', name: 'Task' });
    const page = useTasks({ status: 'running' });
    return JSON.stringify([pending, error, page]);
  });
  expect(JSON.parse(html.replaceAll('&quot;', '"'))).toEqual([
    false,
    null,
    { items: [], nextCursor: null, pending: true },
  ]);
});

it('says what is missing where a hook has no client', () => {
  const Lonely: FunctionComponent = () => useTask({ app: 'app', name: 'Task' }, 'one').status;
  expect(() => renderToString(createElement(Lonely))).toThrow(
    'put a <StreamingProvider client={…}> around it',
  );
});

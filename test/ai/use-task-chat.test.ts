import { expect, it } from '@jest/globals';
import { createElement } from 'react';
import { renderToString } from 'react-dom/server';
import { useTaskChat } from 'nestjs-streaming/ai';
import { clientOf, json, OPEN, refusal, ScriptedServer, snapshot, stream } from '../client/support.js';
import { eventually } from '../support/wait.js';

it('a stop that fails is told to onError and never rejects; a second one is heard', async () => {
  let deletes = 0;
  const server = await ScriptedServer.open((response, asked) => {
    if (asked.method === 'PUT') return json(201, snapshot())(response, asked);
    if (asked.method !== 'DELETE') return stream(OPEN)(response, asked);
    deletes += 1;
    const accepted = json(202, { cancelled: true, status: 'cancelling' });
    return (deletes === 1 ? refusal(503, 'STORE_UNAVAILABLE') : accepted)(response, asked);
  });
  const task = clientOf(server).task('app', 'Task');
  const errors: Error[] = [];
  let chat: ReturnType<typeof useTaskChat> | undefined;
  // Nothing is subscribed there, and all else is as in a page.
  renderToString(
    createElement(() => {
      chat = useTaskChat(task, { id: 'chat-1', storage: false, onError: (error) => errors.push(error) });
      return null;
    }),
  );
  const sent = chat?.sendMessage({ text: 'Hello?' });
  await eventually(() => expect(server.asked.some(({ method }) => method === 'GET')).toBe(true));
  expect(await chat?.stop()).toBeUndefined();
  expect(errors).toMatchObject([{ status: 503, code: 'STORE_UNAVAILABLE' }]);
  expect(await chat?.stop()).toBeUndefined();
  expect([errors.length, deletes]).toEqual([1, 2]);
  await sent;
});

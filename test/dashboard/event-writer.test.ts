import { expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer, get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { EventWriter } from '../../lib/dashboard/live/event-writer.js';
import { closeBound, deferred, withTimeout } from '../support/wait.js';

/** More than the buffers of the kernel take. */
const MUCH = 32 * 1024 * 1024;

it.each(['end', 'close'] as const)('%s() cuts off who does not read, a little later', async (how) => {
  const opened = deferred<EventWriter>();
  const closed = deferred();
  const server = createServer((_request, response) => {
    response.on('close', closed.resolve);
    opened.resolve(new EventWriter(response as never, 'application/x-ndjson', () => {}));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = get({ host: '127.0.0.1', port: (server.address() as AddressInfo).port, agent: false });
  client.on('error', () => {});
  const [response] = (await once(client, 'response')) as [IncomingMessage];
  response.on('error', () => {});
  const writer = await opened.promise;
  writer.line('x'.repeat(MUCH));
  expect(writer.isReady).toBe(false);
  writer[how]();
  await withTimeout(closed.promise, closeBound, 'the close of the response').finally(() => {
    client.destroy();
    server.close();
  });
});

import { describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { OpenResponses } from '../../../lib/http/stream/open-responses.js';
import { RawSocket } from '../../support/clients/raw-socket.js';
import { deferred, patience, withTimeout } from '../../support/wait.js';

describe('open responses', () => {
  it('S56 once the shutdown has waited, a connection ends with its stream, whatever else was asked on it', async () => {
    const responses = new OpenResponses();
    const streaming = deferred<ServerResponse>();
    const askedMore = deferred();
    const server = createServer((request, response) => {
      if (request.url !== '/stream') {
        askedMore.resolve();
        return;
      }
      responses.add(response, () => {});
      response.write(':\n');
      streaming.resolve(response);
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    await responses.drain(0);
    const peer = await RawSocket.get((server.address() as AddressInfo).port, '/stream');
    peer.request('GET', '/never-answered');
    const response = await withTimeout(streaming.promise, patience, 'the stream');
    await withTimeout(askedMore.promise, patience, 'the request behind it');
    response.end();
    await peer.closed;
    expect(peer.went).toBe('ended');
    expect(peer.body).toBe(':\n');
    expect(responses.size).toBe(0);
    server.close();
    await once(server, 'close');
  });
});

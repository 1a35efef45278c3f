import { describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http';
import {
  connect as connectHttp2,
  createServer as createHttp2Server,
  type ServerHttp2Session,
} from 'node:http2';
import { createServer as createTlsServer, get as getTls } from 'node:https';
import { type AddressInfo, type Server as NetServer, Socket } from 'node:net';
import { Readable } from 'node:stream';
import {
  bytesHandedOver,
  emitsClose,
  endAfterLastChunk,
  endsPlainly,
  markEnded,
  responseOnTurn,
  socketOf,
  unsentBytes,
  writesPlainly,
} from '../../lib/internals/node-internals.js';
import { closeLater } from '../support/clients/open-clients.js';
import { RawSocket } from '../support/clients/raw-socket.js';
import { deferred, eventually } from '../support/wait.js';

const megabyte = 1024 * 1024;
const tls = {
  key: readFileSync(new URL('../fixtures/tls/key.pem', import.meta.url)),
  cert: readFileSync(new URL('../fixtures/tls/cert.pem', import.meta.url)),
};

/** Lets a server listen, until the test is over. */
async function listen(server: NetServer): Promise<number> {
  server.listen(0, '127.0.0.1');
  closeLater(() => void server.close());
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** A client that pipelines, and the server's side of its requests. */
async function ask(requests: number): Promise<{ client: RawSocket; responses: ServerResponse[] }> {
  const responses: ServerResponse[] = [];
  const port = await listen(createServer((_request, response) => void responses.push(response)));
  const client = await RawSocket.connect(port);
  closeLater(() => client.close());
  for (let n = 0; n < requests; n++) client.request('GET', `/${n}`);
  await eventually(() => responses.length === requests);
  return { client, responses };
}

/** What uses something of Node that has no documentation: when this fails on a version of Node, that has changed it. */
describe('what is private of Node', () => {
  it('a connection knows the response whose turn it is', async () => {
    const { responses } = await ask(2);
    const [first, second] = responses as [ServerResponse, ServerResponse];
    const { socket } = first.req;
    expect(responseOnTurn(socket)).toBe(first);
    first.end();
    await once(first, 'close');
    expect(responseOnTurn(socket)).toBe(second);
    second.end();
    await once(second, 'close');
    expect(responseOnTurn(socket)).toBeUndefined();
  });

  it('a response writes plainly until something replaces its write()', async () => {
    const { responses } = await ask(1);
    const [response] = responses as [ServerResponse];
    expect(writesPlainly(response)).toBe(true);
    response.write = () => true;
    expect(writesPlainly(response)).toBe(false);
  });

  it('a response ends plainly unless something replaces its end(), or it has trailers', async () => {
    const { responses } = await ask(3);
    const [plain, trailing, patched] = responses as [ServerResponse, ServerResponse, ServerResponse];
    trailing.setHeader('Trailer', 'X-Sum');
    trailing.flushHeaders();
    trailing.addTrailers({ 'X-Sum': '1' });
    patched.end = () => patched;
    expect([plain, trailing, patched].map(endsPlainly)).toEqual([true, false, false]);
  });

  it('a response may say that it has ended, and end later without a last chunk of its own', async () => {
    const { client, responses } = await ask(1);
    const [response] = responses as [ServerResponse];
    const errors: unknown[] = [];
    response.on('error', ({ code }: NodeJS.ErrnoException) => errors.push(code));
    response.flushHeaders();
    expect(response.chunkedEncoding).toBe(true);
    response.req.socket.write('5\r\nhello\r\n0\r\n\r\n');
    markEnded(response);
    expect(response.writableEnded).toBe(true);
    response.write('more');
    await eventually(() => expect(errors).toEqual(['ERR_STREAM_WRITE_AFTER_END']));
    endAfterLastChunk(response);
    await once(response, 'finish');
    client.request('GET', '/next');
    await eventually(() => responses.length === 2);
    responses[1]!.end('next');
    await client.until('next');
    expect(client.received).toMatch(/\r\n\r\n5\r\nhello\r\n0\r\n\r\nHTTP\/1\.1 200 OK/);
  });

  it.each(['HTTP', 'TLS'])(
    'a connection counts what the system has not taken of one write (%s)',
    async (way) => {
      const { promise, resolve } = deferred<ServerResponse>();
      const server =
        way === 'TLS'
          ? createTlsServer(tls, (_request, response) => resolve(response))
          : createServer((_request, response) => resolve(response));
      const port = await listen(server);
      const options = { port, host: '127.0.0.1', rejectUnauthorized: false, agent: false } as const;
      const answered = deferred<IncomingMessage>();
      const request = (way === 'TLS' ? getTls : get)(options, answered.resolve);
      closeLater(() => void request.destroy());
      const response = await promise;
      const socket = response.socket!;
      response.write(Buffer.alloc(32 * megabyte));
      const message = await answered.promise;
      const unsent = (): number => unsentBytes(socket) as number;
      await eventually(() => unsent() > 8 * megabyte);
      const before = unsent();
      let received = 0;
      let hasPaused = false;
      message.on('data', ({ length }: Buffer) => {
        received += length;
        if (received < 8 * megabyte || hasPaused) return;
        hasPaused = true;
        message.pause();
      });
      await eventually(() => hasPaused);
      await eventually(() => unsent() < before);
      expect(unsent()).toBeGreaterThan(0);
      message.resume();
      await eventually(() => unsent() === 0);
    },
  );

  it('a connection counts what an HTTP/2 session has handed to it, and can be ended below the session', async () => {
    const server = createHttp2Server();
    const port = await listen(server);
    const sessions: ServerHttp2Session[] = [];
    server.on('session', (session) => sessions.push(session));
    const client = connectHttp2(`http://127.0.0.1:${port}`);
    client.on('error', () => undefined);
    closeLater(() => client.destroy());
    const request = client.request({ ':path': '/' });
    request.on('error', () => undefined);
    const [stream] = (await once(server, 'stream')) as [NodeJS.WritableStream];
    const [session] = sessions as [ServerHttp2Session];
    const handed = (): number => bytesHandedOver(session.socket) as number;
    const before = handed();
    stream.write('x'.repeat(1_000));
    await eventually(() => handed() >= before + 1_000);

    const socket = socketOf(session);
    expect(socket).toBeInstanceOf(Socket);
    const closed = once(session, 'close');
    socket.destroy();
    await closed;
  });

  it('a stream says whether it emits "close"', () => {
    expect(emitsClose(new Readable())).toBe(true);
    expect(emitsClose(new Readable({ emitClose: false }))).toBe(false);
    expect(emitsClose({})).toBe(true);
  });
});

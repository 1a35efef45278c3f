/** Clients that are closed after their test. Imported before app.ts, so that its applications close after them. */
import { afterEach } from '@jest/globals';
import { RawSocket } from './raw-socket.js';
import { openStream, type OpenStreamOptions, type SseStream } from './sse.js';

const clients = new Set<{ close(): Promise<void> }>();

afterEach(async () => {
  const open = [...clients];
  clients.clear();
  await Promise.all(open.map((client) => client.close()));
});

/** `openStream`, closed after the test. */
export async function watch(url: string, options?: OpenStreamOptions): Promise<SseStream> {
  const stream = await openStream(url, options);
  clients.add(stream);
  return stream;
}

/** A stream that resumes behind an id. */
export function resumeAfter(url: string, lastEventId: string): Promise<SseStream> {
  return watch(url, { headers: { 'last-event-id': lastEventId } });
}

/** A raw connection that asks for a URL, closed after the test. */
export async function watchRaw(url: string, headers?: Readonly<Record<string, string>>): Promise<RawSocket> {
  const { port, pathname, search } = new URL(url);
  const socket = await connectRaw(Number(port));
  socket.request('GET', pathname + search, headers);
  return socket;
}

/** A connection without a request, closed after the test. */
export async function connectRaw(port: number): Promise<RawSocket> {
  const socket = await RawSocket.connect(port);
  clients.add(socket);
  return socket;
}

/** Closes something after the test that is none of the clients above. */
export function closeLater(close: () => unknown): void {
  clients.add({ close: async () => void (await close()) });
}

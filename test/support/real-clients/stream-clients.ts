/** Clients as people use them, by what they do about a stream that breaks: each comes back until it may stop. */
import { EventSource } from 'eventsource';
import { createParser, type EventSourceParser } from 'eventsource-parser';
import { setTimeout as delay } from 'node:timers/promises';
import { closeLater } from '../clients/open-clients.js';
import { deferred, withTimeout } from '../wait.js';

export interface Seen {
  readonly id: string;
  readonly type: string;
  readonly data: string;
}

/** Some clients of one kind, each with its own URL. */
export interface ClientGroup {
  /** Settles when none of them will come back any more. */
  stopped(timeout?: number): Promise<void>;
  /** What each has seen so far, in the order of the URLs. */
  seen(): Promise<readonly (readonly Seen[])[]>;
}

/** Opens a client for each URL. They are closed after the test. */
export type OpenClients = (urls: readonly string[]) => Promise<ClientGroup>;

/** What tests send. `message` is in it since nothing may come as one. */
export const eventTypes = [
  'started',
  'progress',
  'n',
  'text',
  'gap',
  'cancelling',
  'completed',
  'cancelled',
  'message',
];

interface StreamClient {
  readonly seen: readonly Seen[];
  readonly stopped: Promise<void>;
  close(): void;
}

function each(open: (url: string) => StreamClient): OpenClients {
  return (urls) => {
    const clients = urls.map(open);
    for (const client of clients) closeLater(() => client.close());
    return Promise.resolve({
      async stopped(timeout = 30_000) {
        const running = new Set(urls);
        const all = clients.map(async ({ stopped }, index) => {
          await stopped;
          running.delete(urls[index] ?? '');
        });
        await withTimeout(Promise.all(all), timeout, () => `the stop of ${[...running].join(' ')}`);
      },
      seen: () => Promise.resolve(clients.map(({ seen }) => seen)),
    });
  };
}

/** `eventsource`, left alone: it comes back by itself and stops at a status that is not 200. */
export const openEventSources: OpenClients = each((url) => {
  const seen: Seen[] = [];
  const stopped = deferred();
  const source = new EventSource(url);
  for (const type of eventTypes) {
    source.addEventListener(type, ({ lastEventId, data }) => {
      seen.push({ id: lastEventId, type, data: data as string });
    });
  }
  source.addEventListener('error', () => {
    if (source.readyState === source.CLOSED) stopped.resolve();
  });
  return {
    seen,
    stopped: stopped.promise,
    close: () => {
      source.close();
    },
  };
});

/** One answer: fed to the parser until it breaks; the status, or `undefined` when there was none. */
export type Connect = (
  url: string,
  headers: Readonly<Record<string, string>>,
  feed: (text: string) => void,
  signal: AbortSignal,
) => Promise<number | undefined>;

/** As the HTML standard says: with the last id, after `retry`, until it is told by a status to stop. */
export function comingBack(connect: Connect): OpenClients {
  return each((url) => {
    const seen: Seen[] = [];
    const closing = new AbortController();
    let lastEventId = '';
    // What it waits before it has been told: as short as can be.
    let retry = 1;
    const parser: EventSourceParser = createParser({
      onEvent: ({ id = '', event = 'message', data }) => {
        lastEventId = id;
        seen.push({ id, type: event, data });
      },
      onRetry: (ms) => {
        retry = ms;
      },
    });
    const watch = async (): Promise<void> => {
      while (!closing.signal.aborted) {
        const headers = lastEventId === '' ? {} : { 'Last-Event-ID': lastEventId };
        parser.reset();
        const status = await connect(url, headers, (text) => parser.feed(text), closing.signal);
        if (status !== undefined && status !== 200) return;
        await delay(retry);
      }
    };
    return { seen, stopped: watch(), close: () => closing.abort() };
  });
}

/** `eventsource-parser` and `fetch`. */
export const openParsers: OpenClients = comingBack(async (url, headers, feed, signal) => {
  try {
    const response = await fetch(url, { headers: { accept: 'text/event-stream', ...headers }, signal });
    const decoder = new TextDecoder();
    for await (const bytes of response.status === 200 ? (response.body ?? []) : []) {
      feed(decoder.decode(bytes as Uint8Array, { stream: true }));
    }
    return response.status;
  } catch {
    return undefined;
  }
});

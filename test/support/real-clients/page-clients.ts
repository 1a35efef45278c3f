import type { EventSource as AnyEventSource } from 'eventsource';
import type { Seen } from './stream-clients.js';

export type BrowserClientKind = 'EventSource' | 'fetch-event-source';

export interface BrowserClientOptions {
  /**
   * fetch-event-source comes back with the id of the last event that it gave, not with the last one that it read.
   * Default `true`.
   */
  readonly ownId?: boolean;
  /** Of fetch-event-source. Default `true`. */
  readonly openWhenHidden?: boolean;
}

/** What the page keeps of each client. */
export interface BrowserClient {
  readonly seen: Seen[];
  /** It will not come back. */
  stopped: boolean;
  /** How many messages without data fetch-event-source gave. */
  blanks: number;
}

export type WatchInPage = readonly [
  kind: BrowserClientKind,
  urls: readonly string[],
  types: readonly string[],
  options: BrowserClientOptions,
];

/** Runs in the page, where nothing but its own text gets to: opens a client for each URL. */
export async function watchInPage([kind, urls, types, options]: WatchInPage): Promise<BrowserClient[]> {
  const { ownId = true, openWhenHidden = true } = options;
  const { EventSource } = globalThis as unknown as { EventSource: typeof AnyEventSource };

  /** Left alone: it comes back by itself and stops at a status that is not 200. */
  function openEventSource(url: string, client: BrowserClient): void {
    const source = new EventSource(url);
    for (const type of types) {
      source.addEventListener(type, ({ lastEventId, data }) => {
        client.seen.push({ id: lastEventId, type, data: data as string });
      });
    }
    source.addEventListener('error', () => {
      if (source.readyState === EventSource.CLOSED) client.stopped = true;
    });
  }

  const library = '/clients/fetch';
  const { fetchEventSource } =
    kind === 'EventSource'
      ? {}
      : ((await import(library)) as Partial<typeof import('@microsoft/fetch-event-source')>);

  /** As docs/browser.md says. */
  async function openFetchEventSource(url: string, client: BrowserClient): Promise<void> {
    const over = new AbortController();
    let lastEventId = '';
    await fetchEventSource?.(url, {
      signal: over.signal,
      openWhenHidden,
      ...(ownId && {
        fetch: (input: string | URL | Request, init?: RequestInit) =>
          fetch(input, { ...init, headers: { ...(init?.headers as object), 'last-event-id': lastEventId } }),
      }),
      async onopen({ status }) {
        if (status !== 200) over.abort();
      },
      onmessage({ id, event, data }) {
        if (data === '') {
          client.blanks += 1;
          return;
        }
        client.seen.push({ id, type: event, data });
        lastEventId = id;
        if (['completed', 'failed', 'cancelled', 'timeout'].includes(event)) over.abort();
      },
      onclose() {
        throw new Error('The stream ended before its task');
      },
    });
    client.stopped = true;
  }

  return urls.map((url) => {
    const client: BrowserClient = { seen: [], stopped: false, blanks: 0 };
    if (kind === 'EventSource') openEventSource(url, client);
    else void openFetchEventSource(url, client);
    return client;
  });
}

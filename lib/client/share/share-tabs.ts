import type { StreamingClientOptions } from '../client.options.js';
import type { createStreamingClient } from '../create-streaming-client.js';
import { Holder } from './holder.js';
import type { Ask, Page } from './messages.js';
import { SharedStream } from './shared-stream.js';
import { Tabs } from './tabs.js';

type Fetch = NonNullable<StreamingClientOptions['fetch']>;

/**
 * A `fetch` whose streams come over one connection for all tabs of the origin.
 *
 * @param createClient makes the one that watches for all, where this tab holds the connection
 * @param fetch for what is no stream, and where tabs cannot share: outside of pages, and without Web Locks
 */
export function shareTabs(
  createClient: typeof createStreamingClient,
  fetch: Fetch,
  options: StreamingClientOptions,
): Fetch {
  const { baseUrl, heartbeatTimeout = 45_000 } = options;
  const page = globalThis as unknown as Page;
  const locks = page.document && page.navigator?.locks;
  if (!locks) return fetch;
  const base = new URL(`${baseUrl.replace(/\/+$/, '')}/`, page.location.href).href;
  const client = createClient({ ...options, shareTabs: false, reviver: undefined });
  const tabs = new Tabs(
    page,
    locks,
    `nestjs-streaming ${base}`,
    (post, whenGone) => new Holder(client, post, whenGone),
  );
  return async (url, init) => {
    const headers = init.headers as Headers;
    if (headers.get('accept') !== 'text/event-stream') return fetch(url, init);
    const { signal } = init;
    try {
      await tabs.join();
    } catch {
      return fetch(url, init);
    }
    signal?.throwIfAborted();
    const asked = askedBy(url.slice(base.length), headers.get('last-event-id') ?? '');
    const stream = new SharedStream(tabs, asked, () => fetch(url, init), heartbeatTimeout);
    signal?.addEventListener('abort', () => stream.leave());
    return stream.response;
  };
}

/** What a URL asks for. @param path behind the base URL */
function askedBy(path: string, lastEventId: string): Pick<Ask, 'tasks' | 'from'> {
  const [only = '', query = ''] = path.split('?');
  const many = [...query.matchAll(/(?:^|&)task=([^&]*)/g)].map(([, task = '']) => task);
  const after = lastEventId.split('.');
  return {
    tasks: (many.length > 0 ? many : [only]).map((task, at) => [task, after[at] ?? '']),
    from: /(?:^|&)from=(\w+)/.exec(query)?.[1] as Ask['from'],
  };
}

import { resolveOptions, type StreamingClientOptions } from '../client.options.js';
import type { createStreamingClient } from '../create-streaming-client.js';
import { Holder } from './holder.js';
import type { Ask, Page } from './messages.js';
import { SharedStream } from './shared-stream.js';
import { Tabs } from './tabs.js';

type Fetch = NonNullable<StreamingClientOptions['fetch']>;

/** Of the messages: tabs with another release of the package do not share. */
const VERSION = 1;

/**
 * A `fetch` whose streams come over one connection for all tabs of the origin. What is no stream goes to the server by itself, and so
 * does all where tabs cannot share: outside of pages, and without Web Locks.
 *
 * @param createClient makes the one that watches for all, where this tab holds the connection
 */
export function shareTabs(
  createClient: typeof createStreamingClient,
  options: StreamingClientOptions,
): Fetch {
  const { baseUrl } = options;
  const { retry, ...times } = resolveOptions(options);
  const page = globalThis as unknown as Page;
  const locks = page.document && page.navigator?.locks;
  const ask: Fetch = (url, init) => (options.fetch ?? globalThis.fetch)(url, init);
  if (!locks) return ask;
  // One try: each tab tries again by itself, as the server asks it to.
  const own = { ...options, shareTabs: false, reviver: undefined, retry: { ...retry, attempts: 1 } };
  let tabs: Tabs | undefined;
  return async (url, init) => {
    const headers = init.headers as Headers;
    if (headers.get('accept') !== 'text/event-stream') return ask(url, init);
    // The page may have moved to another address, to which it is relative.
    const base = new URL(`${baseUrl.replace(/\/+$/, '')}/`, page.location.href).href;
    tabs ??= new Tabs(
      page,
      locks,
      `nestjs-streaming ${VERSION} ${base}`,
      (post, whenGone) => new Holder(createClient(own), post, whenGone),
    );
    const { signal } = init;
    try {
      await tabs.join();
    } catch {
      return ask(url, init);
    }
    signal?.throwIfAborted();
    const asked = askedBy(url.slice(base.length), headers.get('last-event-id') ?? '');
    const stream = new SharedStream(tabs, asked, () => ask(url, init), times);
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
    tasks: (many.length > 0 ? many : [only]).map((task, at) => [asPath(task), after[at] ?? '']),
    from: /(?:^|&)from=(\w+)/.exec(query)?.[1] as Ask['from'],
  };
}

/** As the client writes it. A URL escapes some characters of a query that it does not escape in a path. */
function asPath(task: string): string {
  return task
    .split('/')
    .map((part) => encodeURIComponent(decodeURIComponent(part)))
    .join('/');
}

import type { TaskTypeRef } from '../task/task-ref.js';
import type { TaskSnapshot } from '../task/task-snapshot.js';
import { resolveOptions, type StreamingClientOptions } from './client.options.js';
import { queryOf, Transport } from './http/transport.js';
import { pathOf, RemoteRun } from './remote-run.js';
import type {
  ListFilter,
  StreamingClient,
  TaskClient,
  TaskList,
  TaskPage,
  WatchedRef,
} from './streaming-client.js';
import type { TaskRun } from './task-run.js';
import type { AnyTasks, TaskShapes, WireSnapshot } from './task-types.js';
import { Hub } from './watch/hub.js';

/**
 * Makes a client of the routes that `StreamingModule` adds to a server.
 *
 * @typeParam T the task types of the server
 * @example
 * const streaming = createStreamingClient({ baseUrl: '/stream' });
 * const run = await streaming.task('media', 'TranscodeTask').start({ path });
 * for await (const event of run) console.log(event.type, event.data);
 * @publicApi
 */
export function createStreamingClient<T extends TaskShapes = AnyTasks>(
  options: StreamingClientOptions,
): StreamingClient<T> {
  const transport = new Transport(resolveOptions(options.shareTabs ? sharing(options) : options));
  const hub = new Hub(transport);

  function task(type: string | TaskTypeRef, ofApp = ''): TaskClient {
    const { app, name } = typeof type === 'string' ? { app: type, name: ofApp } : type;
    const base = `/${pathOf(app, name)}`;
    return {
      app,
      name,
      async start(input, { id, signal } = {}) {
        const answer = await transport.ask({
          ...(id === undefined
            ? { method: 'POST', path: base }
            : { method: 'PUT', path: `${base}/${pathOf(id)}` }),
          body: JSON.stringify(input),
          signal,
        });
        const snapshot = answer.body as WireSnapshot;
        const run = new RemoteRun(hub, snapshot, undefined);
        run.hearSnapshot(snapshot);
        return run;
      },
      attach: (id, { after } = {}) => new RemoteRun(hub, { app, name, id }, after),
    };
  }

  function list(filter: ListFilter = {}): TaskList {
    const page = async (cursor: string | undefined): Promise<TaskPage> =>
      (await transport.ask({ method: 'GET', path: queryOf({ ...filter, cursor }) })).body as TaskPage;
    const first = page(filter.cursor);
    first.catch(() => undefined);
    async function* all(): AsyncIterableIterator<TaskSnapshot<unknown, unknown>> {
      for (let next = first; ;) {
        const { items, nextCursor } = await next;
        yield* items;
        if (nextCursor === null) return;
        next = page(nextCursor);
      }
    }
    return Object.assign(first, { all });
  }

  function watch(refs: readonly WatchedRef[]): TaskRun[] {
    const group = new Set<never>();
    return refs.map((ref) => new RemoteRun(hub, ref, ref.after, group));
  }

  return { task, list, watch } as unknown as StreamingClient<T>;
}

/** What sharing needs is loaded for that alone. */
function sharing(options: StreamingClientOptions): StreamingClientOptions {
  const shared = import('./share/share-tabs.js').then(
    ({ shareTabs }) => shareTabs(createStreamingClient, options),
    // Where a page has no such file each tab has a connection of its own.
    () => options.fetch ?? fetch,
  );
  return { ...options, fetch: async (url, init) => (await shared)(url, init) };
}

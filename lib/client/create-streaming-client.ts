import type { TaskTypeRef } from '../task/task-ref.js';
import type { TaskSnapshot } from '../task/task-snapshot.js';
import { resolveOptions, type StreamingClientOptions } from './client.options.js';
import { queryOf, Transport } from './http/transport.js';
import { pathOf, RemoteRun } from './remote-run.js';
import type { ListFilter, StreamingClient, TaskClient, TaskList, TaskPage } from './streaming-client.js';
import type { AnyTasks, TaskShapes } from './task-types.js';
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
  const transport = new Transport(resolveOptions(options));
  const hub = new Hub(transport);

  function task(type: string | TaskTypeRef, name = ''): TaskClient {
    const ref = typeof type === 'string' ? { app: type, name } : type;
    const base = pathOf(ref.app, ref.name);
    return {
      app: ref.app,
      name: ref.name,
      async start(input, { id, signal } = {}) {
        const { body } = await transport.ask({
          method: id === undefined ? 'POST' : 'PUT',
          path: `/${id === undefined ? base : pathOf(ref.app, ref.name, id)}`,
          body: JSON.stringify(input),
          signal,
        });
        const snapshot = transport.snapshotOf(body);
        const run = new RemoteRun(hub, snapshot, undefined);
        run.hearSnapshot(snapshot);
        return run;
      },
      attach: (id, { after } = {}) => new RemoteRun(hub, { app: ref.app, name: ref.name, id }, after),
    };
  }

  function list(filter: ListFilter = {}): TaskList {
    const page = async (cursor: string | undefined): Promise<TaskPage> => {
      const { body } = await transport.ask({ method: 'GET', path: queryOf({ ...filter, cursor }) });
      const { items, nextCursor } = body as TaskPage;
      return { items: items.map((item) => transport.snapshotOf(item)), nextCursor };
    };
    const first = page(filter.cursor);
    first.catch(() => undefined);
    async function* all(): AsyncIterableIterator<TaskSnapshot<unknown>> {
      for (let next = first; ;) {
        const { items, nextCursor } = await next;
        yield* items;
        if (nextCursor === null) return;
        next = page(nextCursor);
      }
    }
    return Object.assign(first, { all });
  }

  const client: StreamingClient = {
    task,
    list,
    watch(refs) {
      const group = { sources: new Set<never>() };
      return refs.map((ref) => new RemoteRun(hub, ref, ref.after, group));
    },
  };
  return client as unknown as StreamingClient<T>;
}

/** In a page: starts a task, or finds one, and takes down what it hears of it. */
import {
  createStreamingClient,
  type RunEvent,
  type StreamingClientOptions,
  type TaskRun,
} from 'nestjs-streaming/client';

export interface Watching {
  readonly name: string;
  /** Without it a task is started. */
  readonly id?: string | undefined;
  readonly options?: Partial<StreamingClientOptions>;
}

/** What the page has. */
export interface InPage {
  watch(given: Watching): Promise<void>;
  watched: { readonly run: TaskRun; readonly events: RunEvent[]; readonly connections: string[] };
}

async function watch({ name, id, options }: Watching): Promise<void> {
  // A try that is not made at once comes too late for any test.
  const retry = { min: 600_000, max: 600_000 };
  const task = createStreamingClient({ baseUrl: '/stream', retry, ...options }).task('test', name);
  const run = id === undefined ? await task.start({}) : task.attach(id);
  const watched = { run, events: [] as RunEvent[], connections: [] as string[] };
  run.subscribe(() => {
    if (watched.connections.at(-1) !== run.connection) watched.connections.push(run.connection);
  });
  Object.assign(globalThis, { watched });
  void (async () => {
    for await (const event of run) watched.events.push(event);
  })();
}

Object.assign(globalThis, { watch });

import {
  createStreamingClient,
  type RunEvent,
  type StreamingClientOptions,
  type TaskRun,
} from 'nestjs-streaming/client';
import type { Tasks } from './server/tasks.js';

type Transcoded = { url: string; at: string };

export async function typed(): Promise<void> {
  const streaming = createStreamingClient<Tasks>({ baseUrl: '/stream', fetch: window.fetch });
  const run = await streaming.task('media', 'TranscodeTask').start({ path: '/a', since: '2026-11-27' });
  for await (const event of run) {
    if (event.type === 'probe') event.data.codec satisfies string;
    if (event.type === 'frame') event.data satisfies { n: number; at: string };
    if (event.type === 'progress') event.data.percent satisfies number | undefined;
    if (event.type === 'completed') event.data.finalValue satisfies Transcoded;
    if (event.type === 'cancelled') event.data.reason satisfies string;
    if (event.type === 'gap') event.data.snapshot?.finalValue satisfies Transcoded | null | undefined;
  }
  (await run.result()) satisfies Transcoded;
  const outcome = await run.outcome();
  if (outcome.status === 'completed') outcome.value.at satisfies string;
  run.subscribe(() => (document.title = run.connection));
  isUnknown<typeof run.state>(true);

  const imported = streaming.task({ app: 'data', name: 'ImportTask' }).attach('one');
  imported.state satisfies { rows: number; newest: string } | undefined;
  (await imported.result()) satisfies { rows: number };
  for await (const event of imported.events({ from: 'state', signal: undefined }))
    if (event.type === 'state') event.data.state.newest satisfies string;

  const [one, two] = streaming.watch([
    { app: 'media', name: 'TranscodeTask', id: '1' },
    { app: 'elsewhere', name: 'Task', id: '2', after: undefined },
  ]);
  (await one.result()) satisfies Transcoded;
  isUnknown<Awaited<ReturnType<typeof two.result>>>(true);
}

/** Without a map everything is usable, and unknown. */
export async function untyped(options: Partial<StreamingClientOptions>): Promise<void> {
  const { headers, retry, reviver } = options;
  const streaming = createStreamingClient({
    baseUrl: '/stream',
    headers,
    retry,
    reviver,
    credentials: undefined,
  });
  const run: TaskRun = await streaming.task('any', 'Task').start({ path: '/a' }, { id: undefined });
  const events: AsyncIterable<RunEvent> = run;
  for await (const event of events) {
    event.type satisfies string;
    isUnknown<typeof event.data>(true);
  }
  const { items } = await streaming.list({ app: undefined, status: 'running' });
  for (const each of streaming.watch(items)) (await each.cancel()) satisfies boolean;
}

declare function isUnknown<T>(is: unknown extends T ? true : false): void;

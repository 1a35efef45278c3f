/** Nothing here is run: the compiler is the test. */
import { createStreamingClient, type RunOutcome } from 'nestjs-streaming/client';
import { typed } from './expect-type.js';

interface Tasks {
  media: {
    TranscodeTask: {
      input: { path: string };
      result: { url: string };
      events: { probe: { codec: string }; frame: { n: number } };
    };
  };
}

export async function known(): Promise<void> {
  const client = createStreamingClient<Tasks>({ baseUrl: '/stream' });
  const transcode = client.task('media', 'TranscodeTask');
  // @ts-expect-error: there is no such task
  client.task('media', 'NoTask');
  // @ts-expect-error: there is no such app
  client.task('none', 'TranscodeTask');
  // @ts-expect-error: the input is wrong
  await transcode.start({ path: 1 });
  const run = await client.task({ app: 'media', name: 'TranscodeTask' }).start({ path: '/a' });
  for await (const event of run) {
    if (event.type === 'probe') typed(event.data)<{ codec: string }>(true);
    if (event.type === 'frame') typed(event.data.n)<number>(true);
    if (event.type === 'completed') typed(event.data.finalValue)<{ url: string }>(true);
    if (event.type === 'gap') typed(event.data.missed)<number | null>(true);
    // @ts-expect-error: no event has this type
    if (event.type === 'prob') break;
  }
  typed(await run.result())<{ url: string }>(true);
  typed(await run.outcome())<RunOutcome<{ url: string }>>(true);
  typed(await run.cancel('enough'))<boolean>(true);
}

export async function unknown(): Promise<void> {
  const run = createStreamingClient({ baseUrl: '/stream' }).task('any', 'Task').attach('one');
  for await (const event of run) {
    typed(event.type)<string>(true);
    typed(event.data)<unknown>(true);
  }
  typed(await run.result())<unknown>(true);
}

import { createStreamingClient } from 'nestjs-streaming/client';
import type { TaskContext, TaskMap } from 'nestjs-streaming/task';
import type { Tasks } from './server/tasks.js';

const streaming = createStreamingClient<Tasks>({ baseUrl: '/stream' });
const transcode = streaming.task('media', 'TranscodeTask');
const run = transcode.attach('one');

export async function wrong(): Promise<void> {
  // @ts-expect-error: no such task
  streaming.task('media', 'TranscodTask');
  // @ts-expect-error: it is a task of another app
  streaming.task('media', 'ImportTask');
  // @ts-expect-error: no such app
  streaming.task({ app: 'medium', name: 'TranscodeTask' });
  // @ts-expect-error: a date is sent as text
  await transcode.start({ path: '/a', since: new Date() });
  // @ts-expect-error: the path is missing
  await transcode.start({ since: '' });
  // @ts-expect-error: there is no input `depth`
  await transcode.start({ path: '/a', since: '', depth: 1 });
  for await (const event of run) {
    // @ts-expect-error: no such event
    if (event.type === 'prob') break;
    // @ts-expect-error: a frame has no codec
    if (event.type === 'frame') event.data.codec;
    // @ts-expect-error: the date was sent as text
    if (event.type === 'frame') event.data.at.getTime();
    // @ts-expect-error: which event it is has to be asked first
    event.data.codec;
  }
  // @ts-expect-error: the result has no `rows`
  (await run.result()).rows;
  // @ts-expect-error: a run that was not completed has no value
  (await run.outcome()).value;
}

export async function sent(task: TaskContext<string, { probe: { codec: string } }>): Promise<void> {
  // @ts-expect-error: no such event
  await task.sendEvent('prob', { codec: 'av1' });
  // @ts-expect-error: the codec is text
  await task.sendEvent('probe', { codec: 1 });
  // @ts-expect-error: the data is missing
  await task.sendEvent('probe');
}

// @ts-expect-error: this is no task
export type NoTask = TaskMap<{ app: { Date: typeof Date } }>;

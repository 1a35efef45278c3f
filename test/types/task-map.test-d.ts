/** Nothing here is run: the compiler is the test. */
import type { InteropObservable, Observable } from 'rxjs';
import { z } from 'zod';
import { createStreamingClient, type RunOutcome } from 'nestjs-streaming/client';
import {
  type Json,
  type Progress,
  type ResultOf,
  StreamTask,
  TaskContext,
  type TaskHandler,
  type TaskMap,
} from 'nestjs-streaming/task';
import { type Equal, type Expect, typed } from './expect-type.js';

// ── Events ─────────────────────────────────────────────────────────────────────────────────────────────────────────

interface Events {
  probe: { codec: string };
  frame: { n: number; at: Date };
  note: string | null;
  done: undefined;
  /** Reserved: nobody can send it. */
  completed: { n: number };
}

class TranscodeInput {
  declare readonly path: string;
  declare readonly since: Date;
  declare readonly codecs?: string[];
  hasCodecs(): boolean {
    return this.codecs !== undefined;
  }
}

@StreamTask({ input: TranscodeInput })
export class TranscodeTask {
  async process(task: TaskContext<TranscodeInput, Events>) {
    typed(task.input)<TranscodeInput>(true);
    await task.sendEvent('probe', { codec: 'av1' });
    await task.sendEvent('frame', { n: 1, at: new Date() });
    await task.sendEvent('note');
    await task.sendEvent('note', 'text');
    await task.sendEvent('done');
    await task.progress(10);
    await task.progress({ percent: 10, file: 'a' });
    // @ts-expect-error: no such event
    await task.sendEvent('prob', { codec: 'av1' });
    // @ts-expect-error: the data is missing
    await task.sendEvent('probe');
    // @ts-expect-error: the codec is text
    await task.sendEvent('probe', { codec: 1 });
    // @ts-expect-error: there is no bitrate
    await task.sendEvent('probe', { codec: 'av1', bitrate: 1 });
    // @ts-expect-error: the coordinator sends it
    await task.sendEvent('completed', { n: 1 });
    helper(task);
    return { url: task.input.path, at: new Date(), frames: [{ n: 1 }] };
  }
}

/** What takes any task takes one with events, too. */
function helper(task: TaskContext): void {
  void task.sendEvent('anything', { goes: true });
}

export class Implementing implements TaskHandler<TranscodeInput, { url: string }> {
  async process(task: TaskContext<TranscodeInput, Events>) {
    return { url: task.input.path };
  }
}

export async function unknownEvents(task: TaskContext<string>, type: string): Promise<void> {
  await task.sendEvent(type);
  await task.sendEvent('probe', new TranscodeInput());
  await task.sendEvent('probe', 1);
  // @ts-expect-error: a function is no JSON… but an object; a symbol is none
  await task.sendEvent('probe', Symbol('none'));
}

export async function ownProgress(task: TaskContext<string, { progress: { row: number } }>): Promise<void> {
  await task.progress({ row: 1 });
  // @ts-expect-error: a number stands for percent
  await task.progress(10);
  // @ts-expect-error: it is not what the task says
  await task.progress({ percent: 10 });
}

// ── The map ────────────────────────────────────────────────────────────────────────────────────────────────────────

@StreamTask()
class StepsTask {
  private readonly secret = 1;

  constructor(private readonly steps: Observable<{ step: number; at: Date }>) {}

  process(_task: TaskContext<{ steps: number; label: string | undefined }>) {
    return this.secret > 0 ? this.steps : this.steps;
  }
}

class VoidTask {
  async process(): Promise<void> {}
}

const schema = z.object({
  since: z.string().transform((text) => new Date(text)),
  limit: z.number().default(1),
});

class ImportTask {
  async *process(task: TaskContext<z.output<typeof schema>, { row: bigint | Map<string, number> }>) {
    yield { at: task.input.since };
  }
}

type Tasks = TaskMap<{
  media: { TranscodeTask: typeof TranscodeTask; StepsTask: typeof StepsTask };
  app: {
    VoidTask: typeof VoidTask;
    ImportTask: { task: typeof ImportTask; input: typeof schema; state: { rows: number; at: Date } };
    Plain: { task: typeof ImportTask; input: { since: string } };
  };
}>;

export type Media = [
  Expect<
    Equal<
      Tasks['media']['TranscodeTask']['input'],
      { readonly path: string; readonly since: string; readonly codecs?: string[] | undefined }
    >
  >,
  Expect<
    Equal<Tasks['media']['TranscodeTask']['result'], { url: string; at: string; frames: { n: number }[] }>
  >,
  Expect<Equal<Tasks['media']['TranscodeTask']['events']['frame'], { n: number; at: string }>>,
  Expect<Equal<Tasks['media']['TranscodeTask']['events']['done'], null>>,
  Expect<Equal<Tasks['media']['TranscodeTask']['events']['note'], string | null>>,
  Expect<Equal<Tasks['media']['StepsTask']['input'], { steps: number; label?: string | undefined }>>,
  Expect<Equal<Tasks['media']['StepsTask']['result'], { step: number; at: string }>>,
  Expect<Equal<keyof Tasks['media']['StepsTask']['events'], never>>,
];

export type App = [
  Expect<Equal<Tasks['app']['VoidTask']['input'], unknown>>,
  Expect<Equal<Tasks['app']['VoidTask']['result'], null>>,
  Expect<Equal<Tasks['app']['ImportTask']['input'], { since: string; limit?: number | undefined }>>,
  Expect<Equal<Tasks['app']['ImportTask']['result'], { at: string }>>,
  Expect<Equal<Tasks['app']['ImportTask']['events']['row'], Record<string, never>>>,
  Expect<Equal<Tasks['app']['ImportTask']['state'], { rows: number; at: string }>>,
  Expect<Equal<Tasks['app']['Plain']['input'], { since: string }>>,
];

// @ts-expect-error: this is no task
export type NoTask = TaskMap<{ app: { Date: typeof Date } }>;

export type Interop = Expect<Equal<ResultOf<{ process(): InteropObservable<{ n: number }> }>, { n: number }>>;

// ── What JSON keeps ────────────────────────────────────────────────────────────────────────────────────────────────

interface Tree {
  readonly at: Date;
  readonly children: Tree[];
  parent?: Tree;
  each(visit: () => void): void;
}
type Value = string | number | boolean | null | Value[] | { [key: string]: Value };

interface Kept {
  any: Json;
  value: Value;
  unknown: unknown;
  maybe?: unknown;
  tuple: [Date, string | undefined];
  list: readonly Date[];
  set: Set<string>;
  bytes: Uint8Array;
  either: Date | { at: Date };
  branded: string & { readonly brand: 'id' };
  index: { [key: string]: Date };
  drop: () => void;
  some: string | (() => void);
  symbol: symbol;
}
class KeepTask {
  process(_task: TaskContext<Tree, { kept: Kept }>): Kept {
    throw new Error('never run');
  }
}
type KeptTasks = TaskMap<{ app: { KeepTask: typeof KeepTask } }>['app']['KeepTask'];
type TreeInput = KeptTasks['input'];

export type JsonOf = [
  Expect<Equal<TreeInput['at'], string>>,
  Expect<Equal<TreeInput['children'][number]['children'][number]['at'], string>>,
  Expect<Equal<keyof TreeInput, 'at' | 'children' | 'parent'>>,
  Expect<
    Equal<
      KeptTasks['result'],
      {
        any: Json;
        value: Value;
        unknown: unknown;
        maybe?: unknown;
        tuple: [string, string | null];
        list: readonly string[];
        set: Record<string, never>;
        bytes: Record<string, number>;
        either: string | { at: string };
        branded: string & { readonly brand: 'id' };
        index: { [key: string]: string };
        some?: string | undefined;
      }
    >
  >,
];

// ── The client ─────────────────────────────────────────────────────────────────────────────────────────────────────

export async function client(): Promise<void> {
  const streaming = createStreamingClient<Tasks>({ baseUrl: '/stream' });
  const transcode = streaming.task('media', 'TranscodeTask');
  const run = await transcode.start({ path: '/a', since: '2026-11-27T00:00:00Z' });
  // @ts-expect-error: a date is sent as text
  await transcode.start({ path: '/a', since: new Date() });
  // @ts-expect-error: the path is missing
  await transcode.start({ since: '' });
  // @ts-expect-error: no such task
  streaming.task('media', 'NoTask');
  // @ts-expect-error: no such app
  streaming.task('medium', 'TranscodeTask');
  for await (const event of run) {
    if (event.type === 'probe') typed(event.data)<{ codec: string }>(true);
    else if (event.type === 'frame') typed(event.data.at)<string>(true);
    else if (event.type === 'progress') typed(event.data)<Progress>(true);
    else if (event.type === 'started') typed(event.data.attempt)<number>(true);
    else if (event.type === 'cancelled' || event.type === 'cancelling')
      typed(event.data.reason)<string>(true);
    else if (event.type === 'completed') typed(event.data.finalValue.at)<string>(true);
    else if (event.type === 'gap') typed(event.data.snapshot?.finalValue?.url)<string | undefined>(true);
    else typed(event.type)<'note' | 'done' | 'retrying' | 'failed' | 'timeout' | 'state'>(true);
    // @ts-expect-error: no such event
    if (event.type === 'prob') break;
  }
  typed(await run.outcome())<RunOutcome<{ url: string; at: string; frames: { n: number }[] }>>(true);
  typed(run.state)<unknown>(true);
  typed(streaming.task('app', 'ImportTask').attach('one').state)<{ rows: number; at: string } | undefined>(
    true,
  );
  const [first, second] = streaming.watch([
    { app: 'media', name: 'TranscodeTask', id: 'one' },
    { app: 'other', name: 'Task', id: 'two' },
  ]);
  typed((await first.result()).url)<string>(true);
  typed(await second.result())<unknown>(true);
}

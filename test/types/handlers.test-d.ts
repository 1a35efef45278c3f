/** Nothing here is run: the compiler is the test. */
import type { Observable } from 'rxjs';
import { z } from 'zod';
import {
  type InputOf,
  type Json,
  type ResultOf,
  StreamTask,
  type StreamTaskOptions,
  type TaskContext,
  type TaskHandler,
  type TaskOutcome,
} from 'nestjs-streaming';
import { type Equal, type Expect, typed } from './expect-type.js';

interface Input {
  path: string;
}

// ── Forms of handlers ──────────────────────────────────────────────────────────────────────────────────────────────

class AsyncTask {
  async process(task: TaskContext<Input>) {
    return { bytes: task.input.path.length };
  }
}

class SyncTask {
  process(_task: TaskContext<Input>) {
    return 7;
  }
}

class VoidTask {
  async process(task: TaskContext<Input>) {
    await task.sleep(1);
  }
}

class BareTask {
  async process() {
    return 'done';
  }
}

class GeneratorTask {
  async *process(task: TaskContext<Input>) {
    yield 10;
    return { bytes: task.input.path.length };
  }
}

class YieldingTask {
  async *process(_task: TaskContext<Input>) {
    yield { percent: 1 };
  }
}

class ObservableTask {
  declare readonly steps: Observable<{ step: number }>;

  process(_task: TaskContext<Input>) {
    return this.steps;
  }
}

class LaterObservableTask {
  declare readonly steps: Observable<{ step: number }>;

  async process(_task: TaskContext<Input>) {
    return this.steps;
  }
}

export type Inputs = [
  Expect<Equal<InputOf<AsyncTask>, Input>>,
  Expect<Equal<InputOf<SyncTask>, Input>>,
  Expect<Equal<InputOf<GeneratorTask>, Input>>,
  Expect<Equal<InputOf<ObservableTask>, Input>>,
  Expect<Equal<InputOf<BareTask>, unknown>>,
  Expect<Equal<InputOf<object>, unknown>>,
];

export type Results = [
  Expect<Equal<ResultOf<AsyncTask>, { bytes: number }>>,
  Expect<Equal<ResultOf<SyncTask>, number>>,
  Expect<Equal<ResultOf<VoidTask>, void>>,
  Expect<Equal<ResultOf<BareTask>, string>>,
  Expect<Equal<ResultOf<GeneratorTask>, { bytes: number }>>,
  // Without a return value the result is what was yielded last.
  Expect<Equal<ResultOf<YieldingTask>, { percent: number }>>,
  Expect<Equal<ResultOf<ObservableTask>, { step: number }>>,
  Expect<Equal<ResultOf<LaterObservableTask>, { step: number }>>,
  Expect<Equal<ResultOf<object>, unknown>>,
];

// ── TaskHandler ────────────────────────────────────────────────────────────────────────────────────────────────────

export class Implementing implements TaskHandler<Input, number> {
  async process(task: TaskContext<Input>): Promise<number> {
    return task.input.path.length;
  }
}

export class ImplementingGenerator implements TaskHandler<Input, number> {
  async *process(task: TaskContext<Input>): AsyncGenerator<string, number> {
    yield 'halfway';
    return task.input.path.length;
  }
}

export class ImplementingObservable implements TaskHandler<Input, { step: number }> {
  declare readonly steps: Observable<{ step: number }>;

  process(): Observable<{ step: number }> {
    return this.steps;
  }
}

export class WrongResult implements TaskHandler<Input, number> {
  // @ts-expect-error it promises a number
  async process(): Promise<string> {
    return 'text';
  }
}

// @ts-expect-error a handler has a method process()
export class NoHandler implements TaskHandler {
  run(): void {}
}

// ── The decorator ──────────────────────────────────────────────────────────────────────────────────────────────────

const schema = z.object({ path: z.string() });

@StreamTask({ app: 'a', name: 'b', input: schema, attempts: 2, backoff: (attempt) => attempt * 10 })
export class Decorated {
  async process(task: TaskContext<z.infer<typeof schema>>) {
    return task.input.path;
  }
}

export const takesDto: StreamTaskOptions = { input: Decorated };
// @ts-expect-error a time is a number
export const textTime: StreamTaskOptions = { timeout: '10s' };
// @ts-expect-error one l
export const oneL: StreamTaskOptions = { swallowedCancel: 'canceled' };
// @ts-expect-error no such option
export const unknownOption: StreamTaskOptions = { timout: 1 };
// @ts-expect-error neither a schema nor a class
export const noSchema: StreamTaskOptions = { input: { path: 'string' } };

// ── The context ────────────────────────────────────────────────────────────────────────────────────────────────────

interface Interfaced {
  step: number;
}

export async function context(task: TaskContext<Input>, interfaced: Interfaced): Promise<void> {
  typed(task.input)<Input>(true);
  typed(task.signal)<AbortSignal>(true);
  typed(await task.waitForSignal('go'))<Json>(true);
  typed(await task.waitForSignal<{ ok: boolean }>('go'))<{ ok: boolean }>(true);
  typed(await task.waitFor(Promise.resolve(1)))<number>(true);
  task.defer((outcome, signal) => {
    typed(outcome)<TaskOutcome>(true);
    typed(signal)<AbortSignal>(true);
  });
  await task.progress(10);
  await task.progress({ percent: 10, message: 'ten', file: 'a' });
  await task.sendEvent('probe');
  await task.sendEvent('probe', interfaced);
  typed(task.checkpoint)<Json>(true);
  await task.saveCheckpoint({ row: 7 });
  await task.saveCheckpoint(interfaced);
  // @ts-expect-error there is no checkpoint without data
  await task.saveCheckpoint();
  // @ts-expect-error it is saved by a call
  task.checkpoint = 7;
  // @ts-expect-error a function is no JSON
  await task.progress({ percent: 10, done: () => true });
  // @ts-expect-error an input is not for writing to
  task.input = { path: 'other' };
}

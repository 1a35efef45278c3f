import { afterAll, beforeAll, expect } from '@jest/globals';
import type { Type } from '@nestjs/common';
import type { TaskHandle, TaskHandler } from 'nestjs-streaming';
import { collect, type Collected, createTaskApp, type TaskAppOptions } from '../../support/app.js';
import { patience, withTimeout } from '../../support/wait.js';
import type { Document } from './documents.js';
import { compileAll, ScratchFolder } from './sources.js';

export interface Started {
  readonly handle: TaskHandle;
  readonly events: Collected;
}

/** The TypeScript blocks of a page, compiled and run. Made in a `describe`, which fails when one was not run. */
export class Examples {
  readonly scratch = new ScratchFolder();
  readonly #run = new Set<string>();
  #load: ReturnType<typeof compileAll> | undefined;

  constructor(document: Document) {
    beforeAll(() => {
      this.#load = compileAll(this.scratch);
    });
    afterAll(() => {
      this.scratch[Symbol.dispose]();
      const names = document.typescriptBlocks.map(({ name }) => name);
      expect(names.filter((name) => !this.#run.has(name))).toEqual([]);
    });
  }

  /** Counts as run what another test runs. */
  leaveOut(name: string): void {
    this.#run.add(name);
  }

  /** What a `file` exports. */
  load<T>(file: string): Promise<T> {
    this.#run.add(file);
    return this.#import<T>(file);
  }

  /** The task type that a `method` belongs to. */
  async method(name: string): Promise<Type<TaskHandler>> {
    this.#run.add(name);
    return (await this.#import<{ Example: Type<TaskHandler> }>(`${name}.example.ts`)).Example;
  }

  /** Starts a `method`; its handler has come to its first `await`. */
  async start(name: string, input: unknown = {}, app: TaskAppOptions = {}): Promise<Started> {
    return startTask(await this.method(name), input, app);
  }

  #import<T>(file: string): Promise<T> {
    if (!this.#load) throw new Error('The blocks are compiled before all tests');
    return this.#load<T>(file);
  }
}

/** Starts a task of an application of its own; its handler has come to its first `await`. */
export async function startTask(
  task: Type<TaskHandler>,
  input: unknown = {},
  app: TaskAppOptions = {},
): Promise<Started> {
  // What takes no time takes some on a machine that is busy: this is no test of the grace.
  const options = { tasks: { grace: 10_000 } };
  const { coordinator } = await createTaskApp({ listen: false, options, ...app, tasks: [task] });
  const handle: TaskHandle = await coordinator.start(task, input);
  const events = collect(handle.events());
  await events.until('started');
  return { handle, events };
}

export async function expectCancelled({ handle, events }: Started): Promise<void> {
  expect(await handle.cancel()).toBe(true);
  const outcome = await withTimeout(handle.outcome, patience, 'the end of the task');
  expect(outcome).toMatchObject({ status: 'cancelled', started: true, swallowed: false, abandoned: false });
  expect((await events.done).at(-1)).toMatchObject({ type: 'cancelled' });
}

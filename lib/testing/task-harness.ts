import type { DynamicModule, INestApplicationContext, Provider, Type } from '@nestjs/common';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { StartOptions } from '../coordinator/coordinator.options.js';
import { CoordinatorService } from '../coordinator/coordinator.service.js';
import { TaskStore } from '../engine/local/task-store.js';
import { StreamingModule } from '../streaming.module.js';
import type { StreamingModuleOptions } from '../streaming.options.js';
import { checkOptions, duration } from '../task/options/check-options.js';
import type { Json } from '../task/json/json.js';
import type { AsJson } from '../task/json/as-json.js';
import type { InputOf, ResultOf, TaskHandler } from '../task/task-handler.interface.js';
import { closeClock, onClock, openClock, withClock } from './clock-switch.js';
import { HarnessRun } from './harness-run.js';
import { RealWork } from './real-work.js';
import { settle, type TestClock } from './test-clock.js';

/**
 * What a task needs around it in a test.
 *
 * @publicApi
 */
export interface HarnessOptions {
  /** What the handler's constructor needs, stand-ins for example. */
  providers?: Provider[] | undefined;
  /** Modules whose exports the handler needs. */
  imports?: (Type | DynamicModule)[] | undefined;
  /** As in `StreamingModule.forRoot()`; there are no HTTP routes. */
  streaming?: Omit<StreamingModuleOptions, 'http' | 'authorize'> | undefined;
  /**
   * How long nothing may happen before a promise that a test waits for rejects with a `HarnessHangError`, in milliseconds
   * of real time. Keep it below the time limit of the test runner. Default 2 000.
   */
  hangTimeout?: number | undefined;
}

/** What the task under test is provided by; its `app` is `harness` where the task names none. */
@Module({})
class HarnessModule {}

/**
 * What `harness.start()` takes.
 *
 * @publicApi
 */
export interface HarnessStartOptions extends StartOptions {
  /** What the handler finds as `task.checkpoint`, as if an earlier try had saved it. @defaultValue none */
  checkpoint?: Json | undefined;
}

/** What stands while a harness is open. */
interface Opened {
  readonly app: INestApplicationContext;
  readonly clock: TestClock;
  readonly work: RealWork;
}

/**
 * Runs one task type without HTTP, on a clock of its own. `task.sleep`, timeouts, grace, backoff and idle limits wait
 * until the test calls `advance` or `finish`, and then take no time. Each harness has its own clock.
 *
 * @param task the decorated class
 * @param options what it needs around it
 * @example
 * const harness = taskHarness(ReminderTask);
 * const run = await harness.start({ after: 60_000 });
 * await run.advance(60_000);
 * expect(await run.result).toBe('reminded');
 * await harness.close();
 * @publicApi
 */
export function taskHarness<T extends TaskHandler>(
  task: Type<T>,
  options: HarnessOptions = {},
): TaskHarness<T> {
  return new TaskHarness(task, options);
}

/**
 * An application around one task type, for tests. Made by {@link taskHarness}.
 *
 * @publicApi
 */
export class TaskHarness<T extends TaskHandler> {
  readonly #task: Type<T>;
  readonly #options: HarnessOptions;
  #opened: Promise<Opened> | undefined;
  #closing: Promise<void> = Promise.resolve();

  constructor(task: Type<T>, options: HarnessOptions) {
    const { hangTimeout } = options;
    checkOptions('taskHarness()', hangTimeout === undefined ? {} : { hangTimeout }, {
      hangTimeout: duration,
    });
    this.#task = task;
    this.#options = options;
  }

  /**
   * Starts a task, and lets its handler run until it waits for something.
   *
   * @param input as in `coordinator.start()`; it passes the type's schema
   * @throws what `coordinator.start()` throws; InvalidEventError for a checkpoint that cannot be saved
   */
  async start(
    input: InputOf<T>,
    { checkpoint, ...options }: HarnessStartOptions = {},
  ): Promise<HarnessRun<AsJson<ResultOf<T>>>> {
    const { app, clock } = await this.#open();
    const coordinator = app.get(CoordinatorService);
    const work = new RealWork();
    const handle = await withClock(clock, () => coordinator.start(this.#task, input, options));
    const store = app.get(TaskStore);
    // The handler begins in a later turn of the event loop.
    if (checkpoint !== undefined) void store.find(handle.ref)?.events.saveCheckpoint(checkpoint);
    const { hangTimeout = 2_000 } = this.#options;
    const init = { coordinator, store, clock, work, hangTimeout };
    const run = new HarnessRun(handle, init);
    await settle();
    return run;
  }

  /** The handler itself, or any other provider of the test's module. */
  async get<P>(token: Type<P>): Promise<P> {
    const { app, clock } = await this.#open();
    const provider = app.get(token, { strict: false });
    return provider instanceof CoordinatorService ? onClock(clock, provider) : provider;
  }

  /**
   * Cancels what still runs, lets the time of its cleanup pass, and gives the real clock back. Call it after each test.
   * A second call waits for the first.
   */
  close(): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    if (opened) this.#closing = this.#close(opened);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #open(): Promise<Opened> {
    return (this.#opened ??= this.#create());
  }

  async #create(): Promise<Opened> {
    const { providers = [], imports = [], streaming = {} } = this.#options;
    const module: DynamicModule = {
      module: HarnessModule,
      imports: [StreamingModule.forRoot({ ...streaming, http: false }), ...imports],
      providers: [this.#task, ...providers],
    };
    const work = new RealWork();
    const clock = openClock();
    try {
      const app = await withClock(clock, () =>
        NestFactory.createApplicationContext(module, { logger: false, abortOnError: false }),
      );
      return { app, clock, work };
    } catch (error) {
      this.#opened = undefined;
      closeClock(clock);
      throw error;
    }
  }

  async #close(opened: Promise<Opened>): Promise<void> {
    // If it could not be opened, `start` has said so.
    const harness = await opened.catch(() => undefined);
    if (!harness) return;
    const { app, clock, work } = harness;
    const state = { closed: false };
    const closing = withClock(clock, () => app.close()).finally(() => {
      state.closed = true;
    });
    closing.catch(() => {});
    // Grace is time too, and the test no longer lets it pass. Real work in cleanup comes first.
    await settle();
    while (!state.closed) {
      await work.end();
      if (!(await clock.fireNext())) await settle();
    }
    closeClock(clock);
    await closing;
  }
}

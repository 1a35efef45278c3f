import type { DynamicModule, INestApplicationContext, Provider, Type } from '@nestjs/common';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { filter, firstValueFrom } from 'rxjs';
import { useClock } from '../cancellation/clock.js';
import type { CancelOptions, StartOptions } from '../coordinator/coordinator.options.js';
import { CoordinatorService } from '../coordinator/coordinator.service.js';
import type { TaskHandle } from '../coordinator/task-handle.js';
import { StreamingModule } from '../streaming.module.js';
import type { StreamingModuleOptions } from '../streaming.options.js';
import type { JsonInput } from '../task/json.js';
import type { TaskEvent } from '../task/task-event.js';
import type { InputOf, ResultOf, TaskHandler } from '../task/task-handler.interface.js';
import type { TaskOutcome } from '../task/task-outcome.js';
import type { TaskSnapshot } from '../task/task-snapshot.js';
import { settle, TestClock } from './test-clock.js';

/**
 * @publicApi
 */
export interface HarnessOptions {
  /** What the handler's constructor needs, stand-ins for example. */
  providers?: Provider[];
  /** Modules whose exports the handler needs. */
  imports?: (Type | DynamicModule)[];
  /** As in `StreamingModule.forRoot()`; there are no HTTP routes. */
  streaming?: Omit<StreamingModuleOptions, 'http' | 'authorize'>;
}

/** How long after a cancellation everything that was left in a test is over, at the latest, in milliseconds. */
const closeStep = 1_000;

/** What the task under test is provided by; its `app` is `harness` where the task names none. */
@Module({})
class HarnessModule {}

let activeClock: { readonly clock: TestClock; readonly restore: () => void; users: number } | undefined;

function acquireClock(): TestClock {
  if (!activeClock) {
    const clock = new TestClock();
    activeClock = { clock, restore: useClock(clock), users: 0 };
  }
  activeClock.users++;
  return activeClock.clock;
}

function releaseClock(): void {
  if (!activeClock || --activeClock.users > 0) return;
  activeClock.restore();
  activeClock = undefined;
}

/**
 * Runs one task type without HTTP, on a clock of the test's own: `task.sleep`, timeouts, grace, backoff and idle limits
 * wait for `advance`, in no time.
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
 * @publicApi
 */
export class TaskHarness<T extends TaskHandler> {
  readonly #task: Type<T>;
  readonly #options: HarnessOptions;
  #opened: Promise<{ app: INestApplicationContext; clock: TestClock }> | undefined;

  constructor(task: Type<T>, options: HarnessOptions) {
    this.#task = task;
    this.#options = options;
  }

  /**
   * Starts a task, and lets its handler run until it waits for something.
   *
   * @param input as in `coordinator.start()`; it passes the type's schema
   * @throws what `coordinator.start()` throws
   */
  async start(input: InputOf<T>, options?: StartOptions): Promise<HarnessRun<ResultOf<T>>> {
    const { app, clock } = await this.#open();
    const handle = await app.get(CoordinatorService).start(this.#task, input, options);
    const run = new HarnessRun(handle, app.get(CoordinatorService), clock);
    await settle();
    return run;
  }

  /** The handler itself, or any other provider of the test's module. */
  async get<P>(token: Type<P>): Promise<P> {
    return (await this.#open()).app.get(token, { strict: false });
  }

  /** Cancels what still runs, and gives the real clock back. Call it after each test. */
  async close(): Promise<void> {
    if (!this.#opened) return;
    const { app, clock } = await this.#opened;
    this.#opened = undefined;
    const state = { closed: false };
    const closing = app.close().finally(() => {
      state.closed = true;
    });
    // Grace is time too, and nobody else lets it pass.
    while (!state.closed) await clock.advance(closeStep);
    releaseClock();
    await closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #open(): Promise<{ app: INestApplicationContext; clock: TestClock }> {
    return (this.#opened ??= this.#create());
  }

  async #create(): Promise<{ app: INestApplicationContext; clock: TestClock }> {
    const { providers = [], imports = [], streaming = {} } = this.#options;
    const module: DynamicModule = {
      module: HarnessModule,
      imports: [StreamingModule.forRoot({ ...streaming, http: false }), ...imports],
      providers: [this.#task, ...providers],
    };
    const clock = acquireClock();
    try {
      return {
        app: await NestFactory.createApplicationContext(module, { logger: false, abortOnError: false }),
        clock,
      };
    } catch (error) {
      this.#opened = undefined;
      releaseClock();
      throw error;
    }
  }
}

/**
 * One run in a test.
 *
 * @publicApi
 */
export class HarnessRun<Result = unknown> {
  readonly handle: TaskHandle<Result>;
  /** Every event so far, the terminal one included. */
  readonly events: TaskEvent[] = [];
  readonly #coordinator: CoordinatorService;
  readonly #clock: TestClock;

  constructor(handle: TaskHandle<Result>, coordinator: CoordinatorService, clock: TestClock) {
    this.handle = handle;
    this.#coordinator = coordinator;
    this.#clock = clock;
    handle.events().subscribe((event) => this.events.push(event));
  }

  /** Types of the events so far, in order. */
  get eventTypes(): string[] {
    return this.events.map(({ type }) => type);
  }

  get status(): TaskSnapshot['status'] {
    return this.handle.status;
  }

  /** As `handle.result`; it settles only when enough time was let pass. */
  get result(): Promise<Result> {
    return this.handle.result;
  }

  /** As `handle.outcome`; it settles only when enough time was let pass. */
  get outcome(): Promise<TaskOutcome<Result>> {
    return this.handle.outcome;
  }

  /**
   * Lets time pass: every timer that is due fires at its time, in order.
   *
   * @param ms milliseconds
   */
  advance(ms: number): Promise<void> {
    return this.#clock.advance(ms);
  }

  /**
   * Waits, in real time, for an event: for handlers and cleanup that do something for real, which `advance` cannot hurry.
   *
   * @param type of the event
   * @returns the first of that type, one that came already included
   * @throws Error when the task is over and sent none
   */
  waitForEvent(type: string): Promise<TaskEvent> {
    return firstValueFrom(this.handle.events().pipe(filter((event) => event.type === type))).catch(() => {
      throw new Error(`The task ended without an event "${type}"; it sent ${this.eventTypes.join(', ')}`);
    });
  }

  /** Cancels the task, and lets its cleanup run until it waits for something. */
  async cancel(options?: CancelOptions): Promise<boolean> {
    const accepted = this.handle.cancel(options);
    await settle();
    return accepted;
  }

  /** Sends input to the handler's `waitForSignal(name)`. */
  async signal(name: string, data?: JsonInput): Promise<boolean> {
    const reached = await this.#coordinator.signal(this.handle.ref, name, data);
    await settle();
    return reached;
  }
}

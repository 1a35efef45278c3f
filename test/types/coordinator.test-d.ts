/** Nothing here is run: the compiler is the test. */
import type { Type } from '@nestjs/common';
import type { Observable } from 'rxjs';
import {
  type CoordinatorService,
  type HttpOptions,
  OnTaskEvent,
  type ShutdownOptions,
  StreamingModule,
  type StreamingModuleOptions,
  StreamTask,
  type TaskContext,
  type TaskEvent,
  type TaskHandle,
  type TaskHandler,
  type TaskOutcome,
} from 'nestjs-streaming';
import { typed } from './expect-type.js';

class ReportTask implements TaskHandler<{ month: string }, { url: string }> {
  async process(task: TaskContext<{ month: string }>) {
    return { url: task.input.month };
  }
}

class StepsTask {
  async *process(task: TaskContext<{ steps: number }>) {
    yield task.input.steps;
  }
}

class DateTask {
  process(_task: TaskContext) {
    return { at: new Date(0), note: undefined as string | undefined };
  }
}

/** A result has been JSON. */
export async function readDate(coordinator: CoordinatorService): Promise<void> {
  const { result, outcome } = await coordinator.start(DateTask, {});
  typed(result)<Promise<{ at: string; note?: string | undefined }>>(true);
  typed(outcome)<Promise<TaskOutcome<{ at: string; note?: string | undefined }>>>(true);
}

export async function start(coordinator: CoordinatorService): Promise<void> {
  const report = await coordinator.start(
    ReportTask,
    { month: '2026-11' },
    { id: 'x', metadata: { by: 'hand' } },
  );
  typed(report)<TaskHandle<{ url: string }>>(true);
  typed(report.result)<Promise<{ url: string }>>(true);
  typed(report.outcome)<Promise<TaskOutcome<{ url: string }>>>(true);
  typed(report.events())<Observable<TaskEvent>>(true);

  const steps = await coordinator.start(StepsTask, { steps: 3 });
  typed(steps.result)<Promise<number>>(true);

  const named = await coordinator.start({ app: 'a', name: 'b' }, 'anything');
  typed(named.result)<Promise<unknown>>(true);

  // @ts-expect-error the month is missing
  await coordinator.start(ReportTask, {});
  // @ts-expect-error the month is text
  await coordinator.start(ReportTask, { month: 11 });
  // @ts-expect-error there is no year
  await coordinator.start(ReportTask, { month: '11', year: 2026 });
  // @ts-expect-error this class has no process()
  await coordinator.start(Date, {});
  // @ts-expect-error a name without its app
  await coordinator.start({ name: 'b' }, {});
  // @ts-expect-error no such option
  await coordinator.start(ReportTask, { month: '11' }, { restarted: true });
}

export async function generic<T extends TaskHandler>(
  coordinator: CoordinatorService,
  type: Type<T>,
): Promise<unknown> {
  return (await coordinator.start({ app: 'a', name: type.name }, {})).result;
}

export async function cancel(coordinator: CoordinatorService): Promise<void> {
  typed(coordinator.cancelTask('a', 'b', 'c', { wait: 'settled' }))<Promise<boolean>>(true);
  typed(coordinator.cancelTask({ app: 'a', name: 'b', id: 'c' }, { detail: 'no' }))<Promise<boolean>>(true);
  // @ts-expect-error an id is missing
  await coordinator.cancelTask('a', 'b');
  // @ts-expect-error settled or accepted
  await coordinator.cancelTask('a', 'b', 'c', { wait: 'forever' });
}

export function options(): void {
  StreamingModule.forRoot();
  StreamingModule.forRoot({ http: { owner: (request: { user: string }) => request.user } });
  StreamingModule.forRootAsync({
    http: { start: true },
    extraProviders: [],
    useFactory: (): StreamingModuleOptions => ({ shutdown: { drain: 1 } }),
  });
  // What a condition leaves out may be undefined, also with `exactOptionalPropertyTypes`.
  const nothing = undefined;
  StreamingModule.forRoot({ engine: nothing, http: nothing, shutdown: nothing, authorize: nothing });
  StreamingModule.forRoot({
    imports: nothing,
    isCancellation: nothing,
    tasks: { timeout: nothing, backoff: nothing, validation: nothing },
    replay: { events: nothing, retention: nothing },
    http: { start: nothing, guards: nothing, heartbeat: nothing, maxAge: nothing },
    shutdown: { drain: nothing, timeout: nothing, cancelPending: nothing } satisfies ShutdownOptions,
  });
  StreamTask({ app: nothing, input: nothing, grace: nothing, replay: nothing });
  OnTaskEvent('completed', { app: nothing, name: nothing });
  // @ts-expect-error no such option
  StreamingModule.forRoot({ taks: {} });
  // @ts-expect-error a number of milliseconds
  StreamingModule.forRoot({ shutdown: { drain: '5s' } });
  // @ts-expect-error false, or options
  StreamingModule.forRoot({ http: true });
  // @ts-expect-error an owner is text
  const owner: HttpOptions = { owner: () => 5 };
  typed(owner)<HttpOptions>(true);
}

import { Logger } from '@nestjs/common';
import { CoordinatorShutdown } from '../../lib/coordinator/coordinator-shutdown.js';
import { ListenerDelivery } from '../../lib/engine/listeners/listener-delivery.js';
import { LocalEngine } from '../../lib/engine/local/local-engine.js';
import { TaskListenerRegistry } from '../../lib/task-types/task-listener.registry.js';
import type { StreamTaskOptions, TaskContext } from 'nestjs-streaming';
import { TaskInput } from '../../lib/task-types/input/task-input.js';
import type { RunHost } from '../../lib/run/run-host.js';
import type { TaskHistory } from '../../lib/run/task-history.js';
import { TaskRun } from '../../lib/run/task-run.js';
import { TaskStore } from '../../lib/engine/local/task-store.js';
import type { TaskType } from '../../lib/task-types/task-type.js';
import type { LogReader } from '../../lib/log/read/log-reader.js';
import type { RunJournal } from '../../lib/log/run-journal.js';
import { resolveOptions, resolveTaskOptions } from '../../lib/resolve-options.js';
import type { ResolvedOptions } from '../../lib/streaming.options.js';

export interface LoneRun {
  readonly run: TaskRun;
  readonly store: TaskStore;
  readonly options: ResolvedOptions;
  /** What the run has told its host, in order. */
  readonly told: string[];
  /** Its log lines. */
  readonly lines: string[];
}

/** The shutdown of an engine without an application. */
export function shutdownOf(options: ResolvedOptions, store: TaskStore): CoordinatorShutdown {
  const listeners = new ListenerDelivery(new TaskListenerRegistry());
  return new CoordinatorShutdown(options, new LocalEngine(store, listeners, options), listeners);
}

/** A run without an application, with a journal of the test's. It has not begun. */
export async function loneRun(
  log: LogReader,
  journal: RunJournal,
  process: (task: TaskContext) => unknown,
  taskOptions: StreamTaskOptions = {},
  history?: TaskHistory,
): Promise<LoneRun> {
  const options = resolveOptions({ tasks: { grace: 1_000 } });
  const store = new TaskStore(options);
  const type: TaskType = {
    app: 'test',
    name: 'work',
    options: resolveTaskOptions('the test', taskOptions, options),
    validate: (input) => input,
    resolve: () => ({ process }),
  };
  const told: string[] = [];
  const lines: string[] = [];
  const logger = new Logger();
  for (const level of ['log', 'warn', 'error'] as const) {
    logger[level] = (...texts: unknown[]) => void lines.push(texts.join('\n'));
  }
  const host: RunHost = {
    logger,
    signals: store.signals,
    isCancellation: undefined,
    onFree: () => void told.push('free'),
    onOver: (run) => {
      told.push('over');
      store.retire(run);
    },
  };
  const input = await TaskInput.check(type, {});
  const ref = { app: 'test', name: 'work', id: 'one' };
  const run = new TaskRun(type, ref, input, type.options, log, journal, host, history);
  store.add(run);
  void run.outcome.then(() => told.push('settled'));
  return { run, store, options, told, lines };
}

import * as reflectMetadata from 'reflect-metadata';
import type { TaskHandler } from './task-handler.interface.js';
import type { ClassOf, InputSchema, StreamTaskOptions, ValidInput } from './options/task-options.js';

// Loads it: a task may be read before anything of Nest is. An `import` alone would stand in the declarations, too.
void reflectMetadata;

/** Where the decorator leaves its options. A registered symbol, so that two copies of the package see the same. */
export const STREAM_TASK_METADATA = Symbol.for('nestjs-streaming:stream-task');

/**
 * Makes a provider a task type: the coordinator finds it in any module of the application and runs its `process()`.
 *
 * Options are checked when the application starts; a wrong one stops the start.
 *
 * @param options see {@link StreamTaskOptions}; all have defaults. With `input`, the handler must take what it gives
 * @example
 * @StreamTask({ timeout: 600_000 })
 * export class ReportTask implements TaskHandler<{ month: string }, { url: string }> {
 *   constructor(private readonly reports: ReportsService) {}
 *
 *   async process(task: TaskContext<{ month: string }>) {
 *     return { url: await this.reports.render(task.input.month, { signal: task.signal }) };
 *   }
 * }
 * @publicApi
 */
export function StreamTask<Schema extends InputSchema, State = unknown>(
  options: StreamTaskOptions<State> & { input: Schema },
): (target: ClassOf<TaskHandler<ValidInput<Schema>>>) => void;
export function StreamTask<State = unknown>(options?: StreamTaskOptions<State>): ClassDecorator;
export function StreamTask(options: StreamTaskOptions = {}): ClassDecorator {
  return (target) => {
    Reflect.defineMetadata(STREAM_TASK_METADATA, options, target);
  };
}

import { createTaskApp, PuppetTask, type TaskApp, type TaskAppOptions } from '../../support/watching.js';

/** An application with this task type. */
export async function servePuppet(
  options: TaskAppOptions,
  task = new PuppetTask(),
): Promise<[PuppetTask, TaskApp]> {
  return [task, await createTaskApp({ tasks: [task.type], ...options })];
}

/** What a snapshot has over HTTP, in the order of the alphabet. */
export const snapshotKeys = [
  'app',
  'attempt',
  'cancellation',
  'createdAt',
  'endedAt',
  'error',
  'finalValue',
  'id',
  'lastEventId',
  'name',
  'progress',
  'startedAt',
  'status',
  'watchers',
];

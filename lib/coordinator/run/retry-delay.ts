import type { TaskDefaults } from '../../task/task-options.js';

/**
 * The wait before the next try.
 *
 * @param attempt the number of the try that failed
 * @param onWrong told of a function that throws or gives no delay; the next try then follows at once
 */
export function retryDelay(
  backoff: Required<TaskDefaults>['backoff'],
  attempt: number,
  onWrong: (what: string, value: unknown) => void,
): number {
  if (typeof backoff === 'number') return backoff;
  try {
    const delay: unknown = backoff(attempt);
    if (typeof delay === 'number' && delay >= 0 && delay < Infinity) return delay;
    onWrong('gave no delay', delay);
  } catch (error) {
    onWrong('threw', error);
  }
  return 0;
}

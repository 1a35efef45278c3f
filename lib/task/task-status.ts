/**
 * How a task can end. The terminal event has the same name.
 *
 * @publicApi
 */
export type TerminalStatus = 'completed' | 'failed' | 'cancelled' | 'timeout';

/**
 * What a task is doing, or how it ended.
 *
 * @publicApi
 */
export type TaskStatus = 'pending' | 'running' | 'cancelling' | TerminalStatus;

export const terminalStatuses: readonly TerminalStatus[] = ['completed', 'failed', 'cancelled', 'timeout'];

/** Whether a task has ended. */
export function isTerminal(status: TaskStatus): status is TerminalStatus {
  return status !== 'running' && status !== 'pending' && status !== 'cancelling';
}

export const taskStatuses: readonly TaskStatus[] = ['pending', 'running', 'cancelling', ...terminalStatuses];

/** What the shell is told. */
export const exitCodes = {
  completed: 0,
  failed: 1,
  /** Wrong arguments. */
  usage: 2,
  cancelled: 3,
  timeout: 4,
  /** The server does not answer, or it has refused. */
  refused: 5,
  gone: 6,
  /** Ctrl-C: the task goes on. */
  stopped: 130,
} as const;

/** As the status of an ended task; `undefined` for one that goes on. */
export function exitCodeOf(status: string): number | undefined {
  switch (status) {
    case 'completed':
    case 'failed':
    case 'cancelled':
    case 'timeout':
    case 'gone':
      return exitCodes[status];
    default:
      return undefined;
  }
}

import { Child } from '../support/child.js';

/**
 * One contender in a fresh process, once: so many tasks sleep, all are cancelled, and the `finally` of each is waited
 * for.
 *
 * @param {string} name
 * @param {{ tasks: number, warmUp: number }} scenario `tasks` run when the first is cancelled; `warmUp` tasks are cancelled
 *   before, in the same process
 */
export async function measureCancel(name, { tasks, warmUp }) {
  const worker = new Child(new URL('worker.js', import.meta.url), name);
  try {
    await worker.call('start', { name });
    await worker.call('cancelAll', { tasks: warmUp });
    const { cancelled, cleanedUp, used } = await worker.call('cancelAll', { tasks });
    if (cancelled !== tasks || cleanedUp !== tasks)
      throw new Error(`${name}: of ${tasks} tasks ${cancelled} were cancelled, ${cleanedUp} cleaned up`);
    return { tasks, cancelled, cleanedUp, cpuTime: used.cpu, wallTime: used.wall };
  } finally {
    await worker.stop();
  }
}

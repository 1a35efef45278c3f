import { Child } from '../support/child.js';

/** How often tasks are cancelled before it counts: enough for V8 to have compiled what cancels them, which is no part of the figure. */
const warmUps = 5;

/**
 * One contender in a fresh process: so many tasks sleep, all are cancelled, and the `finally` of each is waited for.
 *
 * @param {string} name
 * @param {{ tasks: number, times: number }} scenario `tasks` run when the first is cancelled; it is done `times` times, and
 *   the figures are the means
 */
export async function measureCancel(name, { tasks, times }) {
  const worker = new Child(new URL('worker.js', import.meta.url), name);
  try {
    await worker.call('start', { name });
    for (let n = 0; n < warmUps; n++) await worker.call('cancelAll', { tasks: Math.min(tasks, 10_000) });
    let [cancelled, cleanedUp, cpuTime, wallTime] = [0, 0, 0, 0];
    for (let n = 0; n < times; n++) {
      const measured = await worker.call('cancelAll', { tasks });
      cancelled += measured.cancelled;
      cleanedUp += measured.cleanedUp;
      cpuTime += measured.used.cpu / times;
      wallTime += measured.used.wall / times;
    }
    const all = tasks * times;
    if (cancelled !== all || cleanedUp !== all)
      throw new Error(`${name}: of ${all} tasks ${cancelled} were cancelled, ${cleanedUp} cleaned up`);
    return { tasks: all, cancelled, cleanedUp, cpuTime, wallTime };
  } finally {
    await worker.stop();
  }
}

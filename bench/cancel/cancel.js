import { Child } from '../support/child.js';
import { formatCount } from '../support/table.js';

/**
 * @typedef {object} Scenario
 * @property {string} title
 * @property {number} tasks that run when the first is cancelled
 * @property {number} warmUp tasks that are cancelled before, in the same process
 */

/** @type {Record<string, Scenario>} */
export const scenarios = {
  'cancel-10k': scenarioOf(10_000, 5_000),
  'cancel-100k': scenarioOf(100_000, 5_000),
};

/** @type {Record<string, Scenario>} */
export const quickScenarios = {
  'cancel-10k': scenarioOf(100, 50),
  'cancel-100k': scenarioOf(1_000, 50),
};

/**
 * One contender in a fresh process, once: so many tasks sleep, all are cancelled, and the `finally` of each is waited
 * for.
 *
 * @param {string} name
 * @param {Scenario} scenario
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

/**
 * @param {number} tasks
 * @param {number} warmUp
 * @returns {Scenario}
 */
function scenarioOf(tasks, warmUp) {
  const title = `Time to cancel ${formatCount(tasks)} running tasks and await their \`finally\``;
  return { title, tasks, warmUp };
}

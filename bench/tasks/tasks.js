import { Child } from '../support/child.js';

/**
 * Processor time to spend, in milliseconds. The same for every contender, as fast ones would else be measured too short
 * or slow ones too long.
 *
 * @typedef {object} Budget
 * @property {number} warmUp
 * @property {number} measured
 */

/**
 * One contender in a fresh process, once: tasks that send one event are started and run to their end, as many as its
 * budget gives.
 *
 * @param {string} name
 * @param {Budget} budget
 */
export async function measureTasks(name, { warmUp, measured }) {
  const worker = new Child(new URL('worker.js', import.meta.url), name);
  try {
    await worker.call('start', { name });
    await worker.call('run', { cpu: warmUp, wall: 10 * warmUp });
    const { started, completed, used } = await worker.call('run', { cpu: measured, wall: 10 * measured });
    if (completed !== started)
      throw new Error(`${name}: ${started} tasks were started, ${completed} completed`);
    return {
      started,
      completed,
      perCpuSecond: (completed / used.cpu) * 1_000,
      perSecond: (completed / used.wall) * 1_000,
    };
  } finally {
    await worker.stop();
  }
}

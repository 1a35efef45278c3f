/** The process of one contender: starts tasks that sleep, cancels all of them, and waits for the end of the last. */
import { setImmediate } from 'node:timers/promises';
import { CpuMeter } from '../support/cpu-meter.js';
import { collectGarbage } from '../support/garbage.js';
import { serve } from '../support/serve.js';
import { contenders } from './contenders/index.js';

/**
 * What the tasks of this process count: how many have begun to sleep, and how many have run their `finally`.
 *
 * @typedef {object} Counts
 * @property {number} running
 * @property {number} cleanedUp
 */

/**
 * Makes ready what starts a task; the task sleeps for `sleepTime` milliseconds in a `try` whose `finally` counts.
 *
 * @callback Start
 * @param {Counts} counts
 * @param {number} sleepTime
 * @returns {Promise<() => Promise<{ outcome: Promise<{ status: string }>, cancel: () => unknown }>>}
 */

/** So long that nothing wakes by itself, in milliseconds. */
const sleepTime = 3_600_000;

/** @type {Counts} */
const counts = { running: 0, cleanedUp: 0 };

/** @type {Awaited<ReturnType<Start>>} */
let startTask;

serve({
  /** @param {{ name: string }} params */
  async start({ name }) {
    const start = await contenders[name]?.();
    if (!start) throw new Error(`There is nothing called "${name}" whose tasks can be cancelled`);
    startTask = await start(counts, sleepTime);
  },

  /**
   * Measured from the first cancel until the last task has settled.
   *
   * @param {{ tasks: number }} params
   */
  async cancelAll({ tasks }) {
    counts.running = 0;
    counts.cleanedUp = 0;
    const started = [];
    while (started.length < tasks) started.push(await startTask());
    while (counts.running < tasks) await setImmediate();
    collectGarbage();

    const meter = new CpuMeter();
    for (const task of started) task.cancel();
    const outcomes = await Promise.all(started.map(({ outcome }) => outcome));
    const used = { cpu: meter.cpu, wall: meter.wall };

    const cancelled = outcomes.filter(({ status }) => status === 'cancelled').length;
    return { cancelled, cleanedUp: counts.cleanedUp, used };
  },
});

/** The process of one contender: starts tasks in batches, and waits for the end of each batch. */
import { CpuMeter } from '../support/cpu-meter.js';
import { serve } from '../support/serve.js';
import { contenders } from './contenders/index.js';

/**
 * Makes ready what starts a task; the task sends one event and returns.
 *
 * @callback Start
 * @returns {Promise<() => Promise<{ outcome: Promise<{ status: string }> }>>}
 */

/** So many tasks run at once. */
const batch = 100;

/** @type {Awaited<ReturnType<Start>>} */
let startTask;

serve({
  /** @param {{ name: string }} params */
  async start({ name }) {
    const start = await contenders[name]?.();
    if (!start) throw new Error(`There is nothing called "${name}" that starts tasks`);
    startTask = await start();
  },

  /**
   * Runs tasks for `cpu` milliseconds of processor time, or for `wall` at most.
   *
   * @param {{ cpu: number, wall: number }} params
   */
  async run({ cpu, wall }) {
    const meter = new CpuMeter();
    let started = 0;
    let completed = 0;
    do {
      const outcomes = [];
      for (; outcomes.length < batch; started++) outcomes.push((await startTask()).outcome);
      for (const { status } of await Promise.all(outcomes)) if (status === 'completed') completed++;
    } while (!meter.hasSpent({ cpu, wall }));
    return { started, completed, used: { cpu: meter.cpu, wall: meter.wall } };
  },
});

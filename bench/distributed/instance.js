/** The process of one instance. */
import { setTimeout as delay } from 'node:timers/promises';
import { quantiles } from '../report/statistics.js';
import { CpuMeter } from '../support/cpu-meter.js';
import { collectGarbage } from '../support/garbage.js';
import { monotonic } from '../support/monotonic.js';
import { serve } from '../support/serve.js';
import { contenders } from './contenders/index.js';

/** So many tasks are started or watched at once. */
const wave = 100;

/** @type {import('./contenders/index.js').CancellingInstance} */
let instance;
let meter = new CpuMeter();

/** When the tasks that are watched here sent their first event, and when they ended. @type {Map<string, number>} */
const begins = new Map();
/** @type {Map<string, number>} */
const ends = new Map();

serve({
  /** @param {{ name: string } & import('./contenders/index.js').Role} params */
  async start({ name, port, runs }) {
    const start = await contenders[name]?.();
    if (!start) throw new Error(`There is nothing called "${name}" that runs on many instances`);
    instance = /** @type {typeof instance} */ (await start({ port, runs }));
    return { queue: instance.queue };
  },

  /** From now on processor time counts. */
  meter() {
    collectGarbage();
    meter = new CpuMeter();
  },

  /** In milliseconds. */
  spent: () => ({ cpu: meter.cpu, wall: meter.wall }),

  completed: () => instance.completed(),

  /** @param {{ tasks: number }} params */
  produce: ({ tasks }) => inWaves(tasks, (n) => instance.start({ text: `task ${n}` })),

  /**
   * Starts tasks that send events, so many at once, and watches each to its end.
   *
   * @param {{ tasks: number, atOnce: number, bursts: number, burst: number, text: string }} params
   */
  async stream({ tasks, atOnce, ...input }) {
    let received = 0;
    let started = 0;
    const next = async () => {
      while (started++ < tasks) {
        await new Promise((onEnd, reject) => {
          const onEvent = () => received++;
          instance.start(input, { onEvent, onEnd: () => onEnd(undefined) }).catch(reject);
        });
      }
    };
    await Promise.all(Array.from({ length: atOnce }, next));
    return { received };
  },

  /**
   * Starts one task after the other, each with a watcher here.
   *
   * @param {{ tasks: number }} params
   * @returns how long the first event took, from the start of the task and from its handler, in milliseconds
   */
  async firstEvents({ tasks }) {
    const latencies = { start: new Float64Array(tasks), handler: new Float64Array(tasks) };
    for (let n = 0; n < tasks; n++) {
      const startedAt = monotonic();
      await new Promise((resolve, reject) => {
        const onEvent = (/** @type {import('./contenders/index.js').Event} */ { sentAt }) => {
          const now = monotonic();
          latencies.start[n] = (now - startedAt) / 1_000;
          latencies.handler[n] = (now - sentAt) / 1_000;
        };
        const input = { bursts: 1, burst: 1, text: '' };
        instance.start(input, { onEvent, onEnd: () => resolve(undefined) }).catch(reject);
      });
    }
    return { start: quantiles(latencies.start), handler: quantiles(latencies.handler) };
  },

  /** @param {{ ids: readonly string[], delay?: number }} params */
  hold: ({ ids, delay: ms }) => inWaves(ids.length, (n) => instance.hold(/** @type {string} */ (ids[n]), ms)),

  /** @param {{ ids: readonly string[] }} params */
  watch({ ids }) {
    for (const id of ids) {
      instance.watch(id, {
        onEvent: () => begins.set(id, monotonic()),
        onEnd: () => ends.set(id, monotonic()),
      });
    }
  },

  /** @param {{ tasks: number }} params */
  async begun({ tasks }) {
    while (begins.size < tasks) await delay(5);
  },

  /**
   * When the tasks ended for their watchers here, in microseconds.
   *
   * @param {{ tasks: number }} params
   */
  async ended({ tasks }) {
    while (ends.size < tasks) await delay(5);
    return Object.fromEntries(ends);
  },

  /**
   * Cancels tasks.
   *
   * @param {{ ids: readonly string[], pause: number }} params `pause` milliseconds apart, if any: then another task begins in
   *   place of each, so that as many run
   * @returns when each was cancelled, in microseconds
   */
  async cancel({ ids, pause }) {
    /** @type {Record<string, number>} */
    const times = {};
    const cancelling = [];
    for (const id of ids) {
      times[id] = monotonic();
      cancelling.push(instance.cancel(id));
      if (pause === 0) continue;
      await delay(pause / 2);
      cancelling.push(instance.hold(`${id}-next`));
      await delay(pause / 2);
    }
    await Promise.all(cancelling);
    return times;
  },

  /** What JavaScript holds, in bytes. */
  async memory() {
    for (let collected = 0; collected < 3; collected++) {
      collectGarbage();
      await delay(20);
    }
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  },
});

/**
 * @param {number} count
 * @param {(n: number) => Promise<unknown>} begin
 */
async function inWaves(count, begin) {
  for (let from = 0; from < count; from += wave) {
    const length = Math.min(wave, count - from);
    await Promise.all(Array.from({ length }, (_, index) => begin(from + index)));
  }
}

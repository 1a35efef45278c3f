/** The process of one server: starts a contender, and has it send as fast as its clients take it. */
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import { CpuMeter } from '../support/cpu-meter.js';
import { serve } from '../support/serve.js';
import { startContender } from './contender.js';
import { makeEvent } from './event.js';
import { Sinks } from './sinks.js';

/** @type {import('./contender.js').Contender} */
let contender;
/** @type {readonly string[]} */
let topics = [];
/** @type {Sinks} */
let sinks;
let seq = 0;
let meter = new CpuMeter();

serve({
  /** @param {{ name: string, tasks: number }} params */
  async start({ name, tasks }) {
    const started = await startContender(name, tasks);
    ({ contender, topics } = started);
    sinks = new Sinks(contender.server);
    return started.address;
  },

  /** @param {{ watchers: number }} params */
  async watched({ watchers }) {
    while ((await contender.watching()) < watchers) await delay(5);
    sinks.markAll();
  },

  /**
   * Sends for `cpu` milliseconds of processor time, or for `wall` at most.
   *
   * @param {{ cpu: number, wall: number, burst: number }} params
   * @returns {Promise<number>} how many events each topic has had by now
   */
  async send({ cpu, wall, burst }) {
    meter = new CpuMeter();
    do {
      const events = Array.from({ length: burst }, () => makeEvent(++seq));
      for (const topic of topics) contender.publish(topic, events);
      await nextTurn();
      await sinks.taken();
    } while (!meter.hasSpent({ cpu, wall }));
    return seq;
  },

  /** Since the last `send` began. */
  used: () => ({ cpu: meter.cpu, wall: meter.wall }),
});

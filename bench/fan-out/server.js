/** The process of one server: starts a contender, and has it send as fast as its clients get it. */
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import { CpuMeter } from '../support/cpu-meter.js';
import { serve } from '../support/serve.js';
import { startContender } from './contender.js';
import { makeEvent } from './event.js';
import { Receipts } from './receipts.js';

/** @type {import('./contender.js').Contender} */
let contender;
/** @type {readonly string[]} */
let topics = [];
const receipts = new Receipts();
let ticks = 0;
let seq = 0;

serve({
  /** @param {{ name: string, tasks: number }} params */
  async start({ name, tasks }) {
    const started = await startContender(name, tasks);
    ({ contender, topics } = started);
    return { ...started.address, receipts: await receipts.listen() };
  },

  /** @param {{ watchers: number }} params */
  async watched({ watchers }) {
    while ((await contender.watching()) < watchers) await delay(5);
  },

  /**
   * Sends in ticks. Each is a turn of the event loop, or, if `awaited`, follows when every watcher has the one before, so
   * that no server can make one write of the events of two. It ends after `cpu` milliseconds of processor time, or `wall` of
   * the clock, or so many `ticks`, when every watcher has all.
   *
   * @param {{ burst: number, awaited: boolean, cpu: number, wall: number, ticks?: number }} params
   * @returns {Promise<{ each: number, cpu: number, wall: number }>} how many events each topic has had by now, and the
   *   time it took from the first of these to the last one's receipt
   */
  async send({ burst, awaited, cpu, wall, ticks: most = Infinity }) {
    const meter = new CpuMeter();
    const last = ticks + most;
    do {
      const events = Array.from({ length: burst }, () => makeEvent(++seq));
      for (const topic of topics) contender.publish(topic, events);
      ticks++;
      await (awaited ? receipts.reach(ticks) : nextTurn());
    } while (ticks < last && !meter.hasSpent({ cpu, wall }));
    await receipts.reach(ticks);
    return { each: seq, cpu: meter.cpu, wall: meter.wall };
  },
});

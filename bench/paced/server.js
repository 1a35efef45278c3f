/** The process of one server: starts a contender, and has it send at a given pace, whether its clients keep up or not. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import { startContender } from '../fan-out/contender.js';
import { makeEvent } from '../fan-out/event.js';
import { CpuMeter } from '../support/cpu-meter.js';
import { serve } from '../support/serve.js';
import { makeStamp } from './stamp.js';

/** Of what fills the buffers of who does not read: large, so that few events do it. */
const fillLength = 16 * 1024;
/** A socket that has taken nothing for this long is full, in milliseconds. */
const fullTime = 250;

/** @type {import('../fan-out/contender.js').Contender} */
let contender;
let topic = '';
/** @type {import('node:net').Socket[]} */
let sockets = [];
let seq = 0;

serve({
  /** @param {{ name: string }} params */
  async start({ name }) {
    const started = await startContender(name, 1);
    contender = started.contender;
    topic = started.topics[0] ?? '';
    sockets = [];
    contender.server.on('connection', (socket) => sockets.push(socket));
    return started.address;
  },

  /** @param {{ watchers: number }} params */
  async watched({ watchers }) {
    while ((await contender.watching()) < watchers) await delay(5);
  },

  /**
   * Sends until nothing more goes into the buffers of so many who do not read, for long enough that it is no mere delay of
   * the system's: no less would show what they cost.
   *
   * @param {{ stalled: number }} params
   */
  async fill({ stalled }) {
    let fullSince = performance.now();
    for (let sent = 1; performance.now() - fullSince < fullTime; sent++) {
      contender.publish(topic, [{ id: `fill-${sent}`, data: { seq: 0, text: 'x'.repeat(fillLength) } }]);
      await delay(1);
      if (countBlocked() < stalled) fullSince = performance.now();
    }
  },

  /**
   * Sends so many events, `interval` milliseconds apart. An event that is late because the process was busy is sent as
   * soon as it can be, and those after it at the times they were due.
   *
   * @param {{ events: number, interval: number, monitor: boolean }} params
   * @returns {Promise<{ each: number, cpuShare: number, loopDelay: number | undefined }>}
   */
  async pace({ events, interval, monitor }) {
    // Its timer wakes the process each millisecond: only where it is asked for.
    const delays = monitor ? monitorEventLoopDelay({ resolution: 1 }) : undefined;
    delays?.enable();
    const meter = new CpuMeter();
    const begin = performance.now();
    for (let sent = 0; sent < events; sent++) {
      const early = begin + sent * interval - performance.now();
      // Also when it is late: who sends leaves a turn to everything else.
      await (early > 0 ? delay(early) : nextTurn());
      contender.publish(topic, [makeEvent(++seq, makeStamp())]);
    }
    await delay(interval);
    delays?.disable();
    return {
      each: seq,
      cpuShare: meter.cpu / meter.wall,
      loopDelay: delays && delays.percentile(99) / 1e6,
    };
  },

  blocked: countBlocked,
});

/** How many have something queued that the system has not taken. */
function countBlocked() {
  return sockets.filter(({ writableLength }) => writableLength > 0).length;
}

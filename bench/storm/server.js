/** The process of one server, to which many clients come back at once, and whose streams then end. */
import { setTimeout as delay } from 'node:timers/promises';
import { startContender } from '../fan-out/contender.js';
import { makeEvent } from '../fan-out/event.js';
import { collectGarbage } from '../support/garbage.js';
import { monotonic } from '../support/monotonic.js';
import { serve } from '../support/serve.js';

/** @type {import('../fan-out/contender.js').Contender} */
let contender;

serve({
  /** @param {{ name: string }} params */
  async start({ name }) {
    const started = await startContender(name, 1);
    contender = started.contender;
    return started.address;
  },

  /** @param {{ events: number }} params */
  publish({ events }) {
    const topic = 't0';
    for (let seq = 1; seq <= events; seq++) contender.publish(topic, [makeEvent(seq)]);
  },

  /** @param {{ watchers: number }} params */
  async watched({ watchers }) {
    while ((await contender.watching()) !== watchers) await delay(5);
  },

  /** Processor time of this process until now, in milliseconds. */
  spent() {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1_000;
  },

  /** @returns {Promise<number>} when it began to, in microseconds of the clock that all processes share */
  async end() {
    // Else it is chance whether the garbage of what came before is collected while the streams end.
    collectGarbage();
    const begun = monotonic();
    await contender.end?.();
    return begun;
  },
});

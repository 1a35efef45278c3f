/** The process of one application, with tasks that run until they are cancelled: it is closed while all of them are watched. */
import { setTimeout as delay } from 'node:timers/promises';
import { startContender } from '../fan-out/contender.js';
import { monotonic } from '../support/monotonic.js';
import { serve } from '../support/serve.js';

/** @type {import('../fan-out/contender.js').Contender} */
let contender;

serve({
  /** @param {{ name: string, tasks: number }} params */
  async start({ name, tasks }) {
    const started = await startContender(name, tasks);
    contender = started.contender;
    return started.address;
  },

  /** @param {{ watchers: number }} params */
  async watched({ watchers }) {
    while ((await contender.watching()) < watchers) await delay(5);
  },

  /** @returns {Promise<{ begun: number, closed: number }>} in microseconds of the clock that all processes share */
  async close() {
    const begun = monotonic();
    await contender.close?.();
    return { begun, closed: monotonic() };
  },
});

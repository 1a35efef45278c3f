/** The process of one server: tells what memory it has. */
import { setTimeout as delay } from 'node:timers/promises';
import { startContender } from '../fan-out/contender.js';
import { collectGarbage } from '../support/garbage.js';
import { serve } from '../support/serve.js';

/** Garbage is collected so often before the memory is looked at: what was finalized the first time is freed the second. */
const collections = 3;

/** @type {import('../fan-out/contender.js').Contender} */
let contender;

serve({
  /** @param {{ name: string }} params */
  async start({ name }) {
    const started = await startContender(name, 1);
    contender = started.contender;
    return started.address;
  },

  /** @param {{ watchers: number }} params */
  async watched({ watchers }) {
    while ((await contender.watching()) !== watchers) await delay(5);
  },

  /** In bytes: what the process has of the system, and what JavaScript holds, Buffers and the rest outside its heap included. */
  async memory() {
    for (let collected = 0; collected < collections; collected++) {
      collectGarbage();
      await delay(20);
    }
    const { rss, heapUsed, external } = process.memoryUsage();
    return { resident: rss, held: heapUsed + external };
  },
});

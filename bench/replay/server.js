/** The process of one server: its one task has sent all that is replayed before anybody reads it. */
import { setTimeout as delay } from 'node:timers/promises';
import { collectGarbage } from '../support/garbage.js';
import { decorate, makeModule } from '../support/decorate.js';
import { listen } from '../support/platform.js';
import { serve } from '../support/serve.js';
import { CoordinatorService, StreamingModule, StreamTask } from '../support/streaming.js';
import { makeData, TYPE } from './replayed.js';

/** @type {Awaited<ReturnType<CoordinatorService['start']>>} */
let task;
/** @type {import('node:net').Socket[]} */
const sockets = [];
let before = 0;
/** @type {ReturnType<typeof look>[]} */
let samples = [];
/** @type {NodeJS.Timeout | undefined} */
let timer;

/** So often the memory is looked at while the reader reads, in milliseconds. */
const sampling = 100;

serve({
  /** @param {{ platform: import('../support/platform.js').Platform, events: number, eventBytes: number }} params */
  async start({ platform, events, eventBytes }) {
    class LongTask {
      /** @param {import('nestjs-streaming').TaskContext} context */
      async process(context) {
        for (let seq = 1; seq <= events; seq++) await context.sendEvent(TYPE, makeData(seq, eventBytes));
        await context.waitFor(new Promise(() => {}));
      }
    }
    decorate(LongTask, StreamTask({ app: 'bench', name: 'long' }));

    // All of it is kept, with room for what is around the data.
    const bytes = 2 * events * eventBytes;
    const replay = { events: events + 1, bytes, totalBytes: bytes };
    const module = makeModule({ imports: [StreamingModule.forRoot({ replay })], providers: [LongTask] });
    const app = await listen(platform, module);
    const server = app.getHttpServer();
    server.on('connection', (/** @type {import('node:net').Socket} */ socket) => sockets.push(socket));
    task = await app.get(CoordinatorService).start(LongTask, {}, { id: 'all' });
    // `started` comes before them.
    const sent = async () => (await task.snapshot()).lastEventId?.endsWith(`-${events + 1}`);
    while (!(await sent())) await delay(5);
    return { port: server.address().port, path: '/stream/bench/long/all' };
  },

  async unwatched() {
    while ((await task.snapshot()).watchers > 0) await delay(5);
    sockets.length = 0;
  },

  /** Looks at the memory again and again, until it is asked what it saw. */
  look() {
    before = look().held;
    samples = [];
    timer = setInterval(() => samples.push(look()), sampling);
  },

  /**
   * @returns {{ held: number, waitingShare: number }} the most that was held beyond what was held at first, and the share
   *   of the samples in which something waited in a socket of this process
   */
  seen() {
    clearInterval(timer);
    // The reader may have been fast, or leaving already.
    if (samples.length === 0) samples.push(look());
    return {
      held: Math.max(...samples.map(({ held }) => held)) - before,
      waitingShare: samples.filter(({ waiting }) => waiting > 0).length / samples.length,
    };
  },
});

/** What is held in JavaScript and in Buffers, garbage left out, and what waits in the sockets; in bytes. */
function look() {
  // Twice, and at once: a Buffer that is garbage counts until the next collection, and meanwhile there would be more.
  collectGarbage();
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return {
    held: heapUsed + external,
    waiting: sockets.reduce((sum, { writableLength }) => sum + writableLength, 0),
  };
}

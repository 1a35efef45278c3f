/** The process of one server: starts a contender, and has it send as fast as its clients take it. */
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import { CpuMeter } from '../support/cpu-meter.js';
import { serve } from '../support/serve.js';
import { contenders } from './contenders/index.js';
import { makeEvent } from './event.js';

/**
 * A server under test.
 *
 * @typedef {object} Contender
 * @property {import('node:http').Server} server listening on 127.0.0.1
 * @property {readonly string[]} paths where each topic is watched
 * @property {() => number | Promise<number>} watching how many watchers would get what is published now
 * @property {(topic: string, events: readonly import('./event.js').BenchEvent[]) => void} publish sends one tick's
 *   events to all watchers of a topic
 *
 * @callback Start
 * @param {readonly string[]} topics
 * @returns {Promise<Contender>}
 */

/** @type {Contender} */
let contender;
/** @type {readonly string[]} */
let topics = [];
/** @type {import('node:net').Socket[]} */
const sockets = [];
let seq = 0;
let meter = new CpuMeter();

serve({
  /** @param {{ name: string, tasks: number }} params */
  async start({ name, tasks }) {
    const start = await contenders[name]?.();
    if (!start) throw new Error(`There is no server "${name}"`);
    topics = Array.from({ length: tasks }, (_, index) => `t${index}`);
    contender = await start(topics);
    contender.server.on('connection', (socket) => sockets.push(socket));
    const address = /** @type {import('node:net').AddressInfo} */ (contender.server.address());
    return { port: address.port, paths: contender.paths };
  },

  /** @param {{ watchers: number }} params */
  async watched({ watchers }) {
    while ((await contender.watching()) < watchers) await delay(5);
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
      await everythingTaken();
    } while (!meter.hasSpent({ cpu, wall }));
    return seq;
  },

  /** Since the last `send` began. */
  used: () => ({ cpu: meter.cpu, wall: meter.wall }),
});

/**
 * Waits until no socket has anything queued. It goes on where it stood and never looks back, as nobody sends
 * meanwhile: what the waiting costs must not count for much.
 */
async function everythingTaken() {
  for (const socket of sockets) {
    while (socket.writableLength > 0 && !socket.destroyed) await delay(1);
  }
}

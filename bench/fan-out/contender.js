import { contenders } from './contenders/index.js';

/**
 * A server under test.
 *
 * @typedef {object} Contender
 * @property {import('node:net').Server} server listening on 127.0.0.1
 * @property {readonly string[]} paths where each topic is watched
 * @property {() => number | Promise<number>} watching how many watchers would get what is published now
 * @property {(topic: string, events: readonly import('./event.js').BenchEvent[]) => void} publish sends one tick's
 *   events to all watchers of a topic
 * @property {import('../support/watchers.js').Ask} [ask] how its watchers ask for a stream
 * @property {() => unknown} [end] ends all streams, and goes on
 * @property {() => Promise<void>} [close] ends it in order, with all its streams
 *
 * @callback Start
 * @param {readonly string[]} topics
 * @returns {Promise<Contender>}
 */

/**
 * @param {string} name
 * @param {number} tasks
 */
export async function startContender(name, tasks) {
  const start = await contenders[name]?.();
  if (!start) throw new Error(`There is no server "${name}"`);
  const topics = Array.from({ length: tasks }, (_, index) => `t${index}`);
  const contender = await start(topics);
  const { port } = /** @type {import('node:net').AddressInfo} */ (contender.server.address());
  return { contender, topics, address: { port, paths: contender.paths, ask: contender.ask } };
}

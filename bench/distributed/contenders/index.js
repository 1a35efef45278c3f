/**
 * What an instance can do, as each contender does it. What it starts runs on whichever instance runs that kind.
 *
 * @typedef {object} Instance
 * @property {(input: Input, watch?: Watch) => Promise<unknown>} start a task, with somebody here who watches it
 * @property {() => number} completed how many tasks have come to their end on this instance
 * @property {string} [queue] where the jobs of `short` are in Redis
 *
 * @typedef {Instance & {
 *   hold: (id: string, delay?: number) => Promise<unknown>,
 *   watch: (id: string, watch: Watch) => void,
 *   cancel: (id: string) => Promise<unknown>,
 * }} CancellingInstance has tasks with ids, too, which begin after `delay` milliseconds and sleep until they are cancelled
 *
 * @typedef {'short' | 'stream' | 'sleep'} Kind
 *
 * @typedef {object} Input a task without bursts is `short`: it returns at once
 * @property {number} [bursts] in which a task of kind `stream` sends its events
 * @property {number} [burst] events in each
 * @property {string} [text] in each event
 *
 * @typedef {{ sentAt: number, text: string }} Event
 *
 * @typedef {object} Watch
 * @property {(event: Event) => void} onEvent called with each event that the handler sends
 * @property {() => void} onEnd called behind the last
 *
 * @typedef {object} Role
 * @property {number} port of Redis
 * @property {readonly Kind[]} runs what runs on this instance
 */

/**
 * Each is loaded only in the process that runs it.
 *
 * @type {Record<string, () => Promise<(role: Role) => Promise<Instance | CancellingInstance>>>}
 */
export const contenders = {
  bullmq: async () => (await import('./bullmq.js')).start,
  'nestjs-streaming': async () => (await import('./nestjs-streaming.js')).start,
};

import { column, less, ownServers, rowsOf, whole } from '../support/scenario.js';
import { formatCount } from '../report/table.js';
import { measureLatency, measureLoopDelay } from './paced.js';

/** Row of the same server when some of its watchers never read. */
export const stalledRow = (/** @type {string} */ server) => `${server}, some stalled`;

/**
 * @param {{ quick: boolean }} size
 * @returns {readonly import('../support/scenario.js').Scenario[]}
 */
export function pacedScenarios({ quick }) {
  const pace = quick ? { warmUp: 2, events: 5 } : { warmUp: 50, events: 150 };
  return [
    latencyScenario({ watchers: quick ? 50 : 1_000, ...pace }),
    stalledScenario(quick, pace),
    loopScenario(quick),
  ];
}

/**
 * @param {{ watchers: number, warmUp: number, events: number }} load
 * @returns {import('../support/scenario.js').Scenario}
 */
function latencyScenario(load) {
  const contenders = [
    'node:http',
    'node:http-write',
    'nest-sse',
    'better-sse',
    '@fastify/sse',
    ...ownServers,
  ];
  return {
    name: 'latency',
    title: `Latency at 50 events per second to ${formatCount(load.watchers)} watchers`,
    note: 'From the sending of an event to its receipt in the process of the watchers, which all read. Less is better.',
    connections: load.watchers,
    rows: rowsOf(
      contenders,
      whole((contender) => measureLatency(contender, { ...load, stalled: 0 })),
    ),
    table: {
      main: less('p99, ms', 'p99'),
      reference: { head: 'of node:http-write', of: () => 'node:http-write' },
      ours: 'ours takes',
      beside: [column('p50, ms', 'p50'), column('CPU of a core, %', 'cpuShare', 100)],
    },
  };
}

/**
 * @param {boolean} quick
 * @param {{ warmUp: number, events: number }} pace
 * @returns {import('../support/scenario.js').Scenario}
 */
function stalledScenario(quick, pace) {
  const [watchers, stalled] = quick ? [50, 5] : [1_000, 50];
  const row = (/** @type {string} */ contender, /** @type {number} */ all, /** @type {number} */ stuck) => ({
    contender,
    open: whole(() => measureLatency(contender, { watchers: all, stalled: stuck, ...pace })),
  });
  return {
    name: 'stalled',
    title: `Latency of ${watchers - stalled} watchers beside ${stalled} that never read`,
    note:
      'At the same pace. The buffers of those that never read are full before it begins, so that nothing more can be ' +
      'written to them; beside, the same watchers without them. Less is better.',
    connections: watchers,
    rows: Object.fromEntries(
      ownServers.flatMap((server) => [
        [server, row(server, watchers - stalled, 0)],
        [stalledRow(server), row(server, watchers, stalled)],
      ]),
    ),
    table: {
      main: less('p99, ms', 'p99'),
      reference: { head: 'of none stalled', of: (name) => name.replace(stalledRow(''), '') },
      beside: [column('p50, ms', 'p50')],
    },
  };
}

/**
 * @param {boolean} quick
 * @returns {import('../support/scenario.js').Scenario}
 */
function loopScenario(quick) {
  const load = quick ? { watchers: 100, warmUp: 2, events: 5 } : { watchers: 5_000, warmUp: 50, events: 150 };
  return {
    name: 'loop-delay',
    title: `Delay of the event loop while ${formatCount(load.watchers)} watchers get 50 events per second`,
    note: 'Of the server, looked at each millisecond, which is part of the figure. Less is better.',
    connections: load.watchers,
    rows: rowsOf(
      ['node:http', ...ownServers],
      whole((contender) => measureLoopDelay(contender, load)),
    ),
    table: {
      main: less('p99, ms', 'loopDelay'),
      beside: [column('CPU of a core, %', 'cpuShare', 100)],
    },
  };
}

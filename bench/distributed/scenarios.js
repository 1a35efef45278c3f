import { formatCount } from '../report/table.js';
import { column, less, more, own, rowsOf, whole } from '../support/scenario.js';
import { contenders } from './contenders/index.js';
import {
  measureCancels,
  measureConnections,
  measureEvents,
  measureFirstEvents,
  measureJobs,
} from './distributed.js';
import { concurrency } from './sizes.js';

/** @typedef {import('../support/scenario.js').Scenario} Scenario */

const group = 'distributed';
const both = Object.keys(contenders);

/** Row where the tasks are cancelled in one turn. */
export const atOnceRow = `${own}, all at once`;

/** Row of an instance that runs a task type, too. */
export const runningRow = `${own}, runs a task type`;

const redisTime = (/** @type {string} */ of) => column(`CPU of redis-server, µs per ${of}`, 'redisTime');

/**
 * @param {{ quick: boolean }} size
 * @returns {readonly Scenario[]}
 */
export function distributedScenarios({ quick }) {
  const scenarios = [
    jobScenario(quick ? { warmUp: 10, tasks: 50 } : { warmUp: 12_000, tasks: 8_000 }),
    eventScenario('bursts', quick, { bursts: quick ? 2 : 50, burst: 10 }),
    eventScenario('large-bursts', quick, { bursts: quick ? 2 : 20, burst: 100 }),
    eventScenario('awaited', quick, { bursts: quick ? 20 : 100, burst: 1 }),
    firstEventScenario(quick ? { warmUp: 2, tasks: 5 } : { warmUp: 100, tasks: 300 }),
    cancelScenario(quick ? 10 : 200),
    connectionScenario(quick ? 50 : 5_000),
  ];
  return scenarios.map((scenario) => ({ ...scenario, group, entryPoint: 'bullmq' }));
}

/**
 * @param {{ warmUp: number, tasks: number }} size
 * @returns {Scenario}
 */
function jobScenario(size) {
  return {
    name: 'distributed-jobs',
    title: `Tasks started on one instance and run on another, ${concurrency} at once`,
    note:
      'The processor time is that of both instances together. BullMQ alone adds jobs, takes them and completes them, with the same data ' +
      'and result, and keeps nothing of them. By then more tasks have ended than are kept, so each that ends has the oldest forgotten.',
    rows: rowsOf(
      both,
      whole((contender) => measureJobs(contender, size)),
    ),
    table: {
      main: more('tasks per CPU second', 'perCpuSecond'),
      reference: { head: 'of bullmq', of: () => 'bullmq' },
      beside: [column('tasks per second', 'perSecond'), redisTime('task')],
    },
  };
}

/**
 * @param {'bursts' | 'large-bursts' | 'awaited'} how
 * @param {boolean} quick
 * @param {{ bursts: number, burst: number }} input
 * @returns {Scenario}
 */
function eventScenario(how, quick, input) {
  const tasks = quick ? { warmUp: 2, tasks: 4, atOnce: 2 } : { warmUp: 100, tasks: 200, atOnce: 20 };
  const events = how === 'awaited' ? 'each awaited' : `bursts of ${input.burst}`;
  return {
    name: `distributed-events-${how}`,
    title: `Events from handlers to watchers on another instance, ${events}, ${tasks.atOnce} tasks at once`,
    note:
      'The processor time is that of both instances together. BullMQ alone updates the progress of a job, of which `QueueEvents` tells; ' +
      'handlers send the same data in the same way.',
    rows: rowsOf(
      both,
      whole((contender) => measureEvents(contender, { ...tasks, ...input })),
    ),
    table: {
      main: more('events per CPU second', 'perCpuSecond'),
      reference: { head: 'of bullmq', of: () => 'bullmq' },
      beside: [column('events per second', 'perSecond'), redisTime('event')],
    },
  };
}

/**
 * @param {{ warmUp: number, tasks: number }} size
 * @returns {Scenario}
 */
function firstEventScenario(size) {
  return {
    name: 'distributed-first-event',
    title: 'Time to the first event of a task that runs on another instance',
    note: 'From the call that starts the task to its watcher, one task after the other. Less is better.',
    rows: rowsOf(
      both,
      whole((contender) => measureFirstEvents(contender, size)),
    ),
    table: {
      main: less('p50, ms', 'p50'),
      reference: { head: 'of bullmq', of: () => 'bullmq' },
      beside: [
        column('p99, ms', 'p99'),
        column('from the handler: p50, ms', 'handlerP50'),
        column('p99, ms', 'handlerP99'),
      ],
    },
  };
}

/**
 * @param {number} tasks
 * @returns {Scenario}
 */
function cancelScenario(tasks) {
  const row = (/** @type {boolean} */ atOnce) => ({
    contender: own,
    open: whole(() => measureCancels(own, { tasks, atOnce })),
  });
  return {
    name: 'distributed-cancel',
    title: `Time from a cancel to the end at a watcher on a third instance, while ${formatCount(tasks)} tasks run`,
    note: 'One after the other, or all in one turn. Less is better.',
    rows: { [own]: row(false), [atOnceRow]: row(true) },
    table: { main: less('p50, ms', 'p50'), beside: [less('p99, ms', 'p99')] },
  };
}

/**
 * @param {number} tasks
 * @returns {Scenario}
 */
function connectionScenario(tasks) {
  const row = (/** @type {import('./contenders/index.js').Kind[]} */ ...runs) => ({
    contender: own,
    open: whole(() => measureConnections(own, { tasks, runs })),
  });
  return {
    name: 'distributed-connections',
    title: `Connections to Redis of an instance that watches ${formatCount(tasks)} tasks`,
    rows: { [own]: row(), [runningRow]: row('short') },
    table: {
      main: less('connections', 'connections'),
      beside: [column('kB held for each task', 'held', 1e-3)],
    },
  };
}

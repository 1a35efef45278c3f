import { stalledRow } from '../paced/scenarios.js';
import { runningRow } from '../distributed/scenarios.js';
import { figureOf, ratioOf } from './figures.js';
import { atFirst, endedAfter, resumingRow } from '../storm/scenarios.js';
import { own, ownServers } from '../support/scenario.js';
import { formatCount, formatRatio, markdownTable } from './table.js';

/**
 * @typedef {import('./figures.js').Section} Section
 *
 * @typedef {object} Goal
 * @property {string} scenario
 * @property {string} text what is held to it, behind the title of the scenario
 * @property {Bound} bound
 * @property {(section: Section, server: string) => number | undefined} of the measured value
 *
 * @typedef {{ atLeast: number } | { atMost: number } | { under: number, unit: string }} Bound
 */

/** @type {readonly Goal[]} */
const goals = [
  against('node:http', 'single', { atLeast: 0.85 }),
  against('nest-sse', 'single', { atLeast: 3.5 }),
  against('better-sse', 'single', { atLeast: 1.8 }),
  against('node:http', 'bursts', { atLeast: 0.8 }),
  against('nest-sse', 'bursts', { atLeast: 25 }),
  against('better-sse', 'bursts', { atLeast: 5 }),
  against('node:http', 'many-tasks', { atLeast: 0.8 }),
  against('nest-sse', 'many-tasks', { atLeast: 2.5 }),
  against('node:http', 'single-awaited', { atLeast: 0.85 }),
  against('nest-sse', 'single-awaited', { atLeast: 3.5 }),
  against('better-sse', 'single-awaited', { atLeast: 1.8 }),
  against('node:http', 'bursts-awaited', { atLeast: 0.8 }),
  against('nest-sse', 'bursts-awaited', { atLeast: 25 }),
  against('better-sse', 'bursts-awaited', { atLeast: 5 }),
  against('node:http', 'many-tasks-awaited', { atLeast: 0.8 }),
  against('nest-sse', 'many-tasks-awaited', { atLeast: 2.5 }),
  { ...against('node:http-write', 'latency', { atMost: 1.25 }), text: 'p99, ours ÷ node:http-write' },
  {
    scenario: 'stalled',
    text: 'p99, ÷ without them',
    bound: { atMost: 1.5 },
    of: (section, server) => ratioOf(section, stalledRow(server), server),
  },
  {
    scenario: 'loop-delay',
    text: 'p99',
    bound: { under: 20, unit: 'ms' },
    of: absolute,
  },
  {
    scenario: 'idle',
    text: 'held, ours ÷ nest-sse on the same adapter',
    bound: { atMost: 0.8 },
    of: (section, server) => ratioOf(section, server, section.table.reference?.of(server) ?? ''),
  },
  { scenario: 'replay', text: 'held for the reader', bound: { under: 2, unit: 'MB' }, of: absolute },
  {
    scenario: 'storm',
    text: 'opened per CPU second, ours ÷ nest-sse on the same adapter',
    bound: { atLeast: 1.3 },
    of: (section, server) => ratioOf(section, server, section.table.reference?.of(server) ?? ''),
  },
  {
    scenario: 'storm',
    text: 'the same in a new process',
    bound: { atLeast: 1.3 },
    of: (section, server) => ratioOf(section, server, section.table.reference?.of(server) ?? '', atFirst),
  },
  {
    scenario: 'storm',
    text: 'cost with 100 events replayed ÷ without',
    bound: { atMost: 1.5 },
    of: (section, server) => ratioOf(section, server, resumingRow(server)),
  },
  {
    scenario: 'storm',
    text: 'time to end, ours ÷ node:http-write',
    bound: { atMost: 3 },
    of: (section, server) => ratioOf(section, server, 'node:http-write', endedAfter),
  },
  { scenario: 'close', text: 'by the clock', bound: { under: 1_500, unit: 'ms' }, of: absolute },
];

/**
 * What knows no platform, and has one figure.
 *
 * @type {readonly { scenario: string, text: string, bound: Bound, of: (section: Section) => number | undefined }[]}
 */
const distributedGoals = [
  ...['jobs', 'events-bursts', 'events-large-bursts', 'events-awaited'].map((what) => ({
    scenario: `distributed-${what}`,
    text: 'per CPU second, ours ÷ bullmq',
    bound: { atLeast: what === 'jobs' ? 0.6 : 3 },
    of: (/** @type {Section} */ section) => ratioOf(section, own, 'bullmq'),
  })),
  median('first-event', 'p50', { under: 10, unit: 'ms' }),
  median('cancel', 'p50', { under: 25, unit: 'ms' }),
  median('cancel', 'p99', { under: 100, unit: 'ms' }, own, 0),
  median('connections', 'runs no task type', { atMost: 4 }),
  median('connections', 'runs one', { atMost: 6 }, runningRow),
];

/**
 * @param {string} what
 * @param {string} text
 * @param {Bound} bound
 * @param {string} [row]
 * @param {number} [beside] which column, if not the main one
 */
function median(what, text, bound, row = own, beside = -1) {
  return {
    scenario: `distributed-${what}`,
    text,
    bound,
    of: (/** @type {Section} */ section) => figureOf(section, row, section.table.beside[beside])?.median,
  };
}

/**
 * What is held to a goal, on each platform, as far as it was measured.
 *
 * @param {readonly Section[]} sections
 * @returns {string[]} a table as one part, or none
 */
export function goalTable(sections) {
  const rows = goals.flatMap(({ scenario, text, bound, of }) => {
    const section = sections.find(({ name }) => name === scenario);
    if (!section) return [];
    const values = ownServers.map((server) => of(section, server));
    if (values.every((value) => value === undefined)) return [];
    return [[`${section.title}: ${text}`, wanted(bound), ...values.map((value) => verdict(value, bound))]];
  });
  if (rows.length === 0) return [];
  return [markdownTable(['goal', 'wanted', 'on Express', 'on Fastify'], rows)];
}

/**
 * The same for what knows no platform.
 *
 * @param {readonly Section[]} sections
 * @returns {string[]}
 */
export function goalLines(sections) {
  const tasks = sections.find(({ name }) => name === 'tasks');
  const cancel = sections.find(({ name }) => name === 'cancel-100k');
  const taskRatio = tasks && ratioOf(tasks, own, 'bare-loop-eager');
  const cancelRatio = cancel && ratioOf(cancel, own, 'bare-loop');
  const byClock = cancel && ratioOf(cancel, own, 'bare-loop', cancel.table.beside[0]);
  const distributed = distributedGoals.map(({ scenario, text, bound, of }) => {
    const section = sections.find(({ name }) => name === scenario);
    const value = section && of(section);
    return value === undefined ? undefined : `${section?.title}: ${text}: ${line(value, bound)}`;
  });
  return [
    taskRatio &&
      `Tasks per CPU second, ours ÷ bare loop (eager signal): ${line(taskRatio, { atLeast: 0.7 })}`,
    cancelRatio &&
      byClock &&
      `${cancel.title}, ours ÷ bare loop: ${line(cancelRatio, { atMost: 1.5 })} of CPU, ${formatRatio(byClock)} by the clock`,
    ...distributed,
  ].filter((text) => typeof text === 'string');
}

/**
 * @param {string} rival
 * @param {string} scenario
 * @param {Bound} bound
 * @returns {Goal}
 */
function against(rival, scenario, bound) {
  return {
    scenario,
    text: `ours ÷ ${rival}`,
    bound,
    of: (section, server) => ratioOf(section, server, rival),
  };
}

/**
 * @param {Section} section
 * @param {string} server
 */
function absolute(section, server) {
  return figureOf(section, server)?.median;
}

/** @param {Bound} bound */
export function wanted(bound) {
  if ('under' in bound) return `under ${formatCount(bound.under)} ${bound.unit}`;
  return 'atLeast' in bound ? `at least ${bound.atLeast}` : `at most ${bound.atMost}`;
}

/**
 * @param {number} value
 * @param {Bound} bound
 */
export function isMet(value, bound) {
  if ('under' in bound) return value < bound.under;
  return 'atLeast' in bound ? value >= bound.atLeast : value <= bound.atMost;
}

/**
 * @param {number | undefined} value
 * @param {Bound} bound
 */
function verdict(value, bound) {
  if (value === undefined) return 'not measured';
  const text = 'under' in bound ? `${formatCount(value)} ${bound.unit}` : formatRatio(value);
  return isMet(value, bound) ? `${text}, met` : `**${text}, missed**`;
}

/**
 * @param {number} value
 * @param {Bound} bound
 */
function line(value, bound) {
  const text = 'under' in bound ? `${formatCount(value)} ${bound.unit}` : formatRatio(value);
  return `**${text}** (goal: ${wanted(bound)}, ${isMet(value, bound) ? 'met' : 'missed'})`;
}

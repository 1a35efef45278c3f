import { summarize } from './statistics.js';
import { formatCount, formatRatio, markdownTable } from './table.js';

/** Who all others are compared with. */
const own = 'nestjs-streaming';

const introduction = `More is better, and less where a time is told. Figures are medians, of or per second of the processor time of the server
(or of the process that runs the tasks): all its threads, user and kernel. The spread is that between the lowest and
the highest round, and the last column the time, or the rate, by the clock, which says more about the machine.
“Ours is” tells how many times as much nestjs-streaming does, and “ours takes” how many times as long it takes.`;

/**
 * @template Round
 * @typedef {readonly { name: string, rounds: readonly Round[] }[]} Results
 */

/**
 * What was done in a time that was given.
 *
 * @typedef {object} Rates
 * @property {string} name
 * @property {string} title
 * @property {string} unit
 * @property {string} limit the contender that nothing can be much faster than
 * @property {Results<{ perCpuSecond: number, perSecond: number }>} results
 */

/**
 * How long it took to do what was given, in milliseconds.
 *
 * @typedef {object} Times
 * @property {string} name
 * @property {string} title
 * @property {string} limit the contender that nothing can be much faster than
 * @property {Results<{ cpuTime: number, wallTime: number }>} results
 */

/**
 * @typedef {ReturnType<typeof tableOf>} Table
 */

/**
 * @param {readonly (Rates | Times)[]} sections
 * @param {{ command: string, machine: readonly string[], rounds: number }} run
 */
export function renderReport(sections, { command, machine, rounds }) {
  const date = new Date().toISOString().slice(0, 10);
  const run = [...machine, `${date}, ${rounds} ${rounds === 1 ? 'round' : 'rounds'}, \`${command}\``];
  const tables = sections.filter(({ results }) => results.length > 0).map(tableOf);
  const parts = [
    '# Benchmarks',
    ...list(goalsOf(tables)),
    introduction,
    ...tables.map(renderTable),
    '## Measured on',
    ...list(run),
  ];
  return `${parts.join('\n\n')}\n`;
}

/** @param {Rates | Times} section */
function tableOf(section) {
  const { name, title, limit } = section;
  if ('unit' in section) {
    const heads = {
      cpu: `${section.unit} per CPU second`,
      ours: 'ours is',
      wall: `${section.unit} per second`,
    };
    const rows = section.results.map(({ name: contender, rounds }) => ({
      name: contender,
      cpu: summarize(rounds.map(({ perCpuSecond }) => perCpuSecond)),
      wall: summarize(rounds.map(({ perSecond }) => perSecond)),
    }));
    return { name, title, limit, heads, rows };
  }
  const heads = { cpu: 'ms of CPU, less is better', ours: 'ours takes', wall: 'ms by the clock' };
  const rows = section.results.map(({ name: contender, rounds }) => ({
    name: contender,
    cpu: summarize(rounds.map(({ cpuTime }) => cpuTime)),
    wall: summarize(rounds.map(({ wallTime }) => wallTime)),
  }));
  return { name, title, limit, heads, rows };
}

/**
 * What is held to a goal, as far as it was measured.
 *
 * @param {readonly Table[]} tables
 */
function goalsOf(tables) {
  const tasks = compare(tables, 'tasks', 'bare-loop-eager');
  const cancel = compare(tables, 'cancel-100k', 'bare-loop');
  return [
    tasks &&
      `Tasks per CPU second, ours ÷ bare loop (eager signal): **${formatRatio(tasks.cpu)}** (goal: at least 0.7)`,
    cancel &&
      `${cancel.title}, ours ÷ bare loop: **${formatRatio(cancel.cpu)}** of CPU, ${formatRatio(cancel.wall)} by the clock (goal: at most 1.5)`,
  ].filter((line) => line !== undefined);
}

/**
 * @param {readonly Table[]} tables
 * @param {string} table
 * @param {string} rival
 */
function compare(tables, table, rival) {
  const found = tables.find(({ name }) => name === table);
  const ours = found?.rows.find(({ name }) => name === own);
  const theirs = found?.rows.find(({ name }) => name === rival);
  if (!found || !ours || !theirs) return undefined;
  return {
    title: found.title,
    cpu: ours.cpu.median / theirs.cpu.median,
    wall: ours.wall.median / theirs.wall.median,
  };
}

/** @param {Table} table */
function renderTable({ title, limit, heads, rows }) {
  /** @param {string} wanted */
  const medianOf = (wanted) => rows.find(({ name }) => name === wanted)?.cpu.median;
  const best = medianOf(limit);
  const ours = medianOf(own);
  const table = markdownTable(
    ['', heads.cpu, 'spread', `of ${limit}`, heads.ours, heads.wall],
    rows.map(({ name, cpu, wall }) => [
      name,
      formatCount(cpu.median),
      `${formatCount(cpu.min)} – ${formatCount(cpu.max)}`,
      best === undefined ? '' : formatRatio(cpu.median / best),
      ours === undefined ? '' : `${formatRatio(ours / cpu.median)} ×`,
      formatCount(wall.median),
    ]),
  );
  return `## ${title}\n\n${table}`;
}

/**
 * @param {readonly string[]} lines
 * @returns {string[]} the list as one part, or none
 */
function list(lines) {
  return lines.length > 0 ? [lines.map((line) => `- ${line}`).join('\n')] : [];
}

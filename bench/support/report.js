import { summarize } from './statistics.js';
import { formatCount, formatRatio, markdownTable } from './table.js';

/** Who all others are compared with. */
const own = 'nestjs-streaming';

const introduction = `More is better. Figures are medians, per second of processor time of the server (or of the process that runs the
tasks): all its threads, user and kernel. The spread is that between the lowest and the highest round, and the last
column the rate by the clock, which says more about the machine. “Ours is” tells how many times as much
nestjs-streaming does.`;

/**
 * @typedef {object} Section
 * @property {string} title
 * @property {string} unit
 * @property {string} limit the contender that nothing can be much faster than
 * @property {readonly { name: string, rounds: readonly { perCpuSecond: number, perSecond: number }[] }[]} results
 */

/**
 * @param {readonly Section[]} sections
 * @param {{ command: string, machine: readonly string[], rounds: number }} run
 */
export function renderReport(sections, { command, machine, rounds }) {
  const date = new Date().toISOString().slice(0, 10);
  const run = [...machine, `${date}, ${rounds} ${rounds === 1 ? 'round' : 'rounds'}, \`${command}\``];
  const parts = [
    '# Benchmarks',
    introduction,
    ...sections.filter(({ results }) => results.length > 0).map(renderSection),
    '## Measured on',
    run.map((line) => `- ${line}`).join('\n'),
  ];
  return `${parts.join('\n\n')}\n`;
}

/** @param {Section} section */
function renderSection({ title, unit, limit, results }) {
  const rows = results.map(({ name, rounds }) => ({
    name,
    cpu: summarize(rounds.map(({ perCpuSecond }) => perCpuSecond)),
    wall: summarize(rounds.map(({ perSecond }) => perSecond)),
  }));
  /** @param {string} wanted */
  const medianOf = (wanted) => rows.find(({ name }) => name === wanted)?.cpu.median;
  const most = medianOf(limit);
  const ours = medianOf(own);
  const table = markdownTable(
    ['', `${unit} per CPU second`, 'spread', `of ${limit}`, 'ours is', `${unit} per second`],
    rows.map(({ name, cpu, wall }) => [
      name,
      formatCount(cpu.median),
      `${formatCount(cpu.min)} – ${formatCount(cpu.max)}`,
      most === undefined ? '' : formatRatio(cpu.median / most),
      ours === undefined ? '' : `${formatRatio(ours / cpu.median)} ×`,
      formatCount(wall.median),
    ]),
  );
  return `## ${title}\n\n${table}`;
}

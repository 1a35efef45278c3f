import { figureOf, ratioOf } from './figures.js';
import { goalLines, goalTable } from './goals.js';
import { own } from '../support/scenario.js';
import { formatCount, formatRatio, markdownTable } from './table.js';

/** @typedef {import('./figures.js').Section} Section */

const introduction = `More is better, and less where it says so or a time is told. Figures are medians over all rounds, and so are ratios, each
of two figures of the same round. What is told per CPU second is per second of the processor time of the server (or of the
process that runs the tasks): all its threads, user and kernel. The spread is that between the lowest and the highest
round. The rate, or the time, by the clock says more about the machine. “Ours is” tells how many times as much
nestjs-streaming does on Express, and “ours takes” how many times as long it takes.

Where events are counted, all servers of a table run at once and take turns, a fraction of a second each, so that a change of the
machine's mood meets all. A tick is a turn of the event loop. A server that writes where an event is published is given its next
event when it has written the last; nestjs-streaming puts off what does not fit into a few milliseconds of a turn, and joins it with
what comes meanwhile. So under more than it can send an event takes fewer writes, and comes later by a turn or two. Where ticks are
awaited, the next one's events are sent when every watcher has those of the last: no two ticks share a write, and what counts is
the price of one alone. Most of that is the system's own, and \`node:http\` shows how much.

\`node:http\` is Node and nothing else: all events of a tick are one chunk, framed once, written to each socket itself. \`node:http-write\`
calls \`response.write\` with one shared Buffer for each event. \`nest-sse\` is a route with Nest's \`@Sse()\` that returns a shared Subject. Where
nothing is said, servers stand on Express or on \`node:http\`. Rows with a further word behind the package's name show what it costs when something
stands between it and the socket: over HTTP/2 each watcher has a connection of its own, and behind compression each asks for gzip and is sent
plain text all the same, as the stream is \`no-transform\`. Where interceptors see the events, Nest writes them.`;

/**
 * @param {readonly Section[]} sections
 * @param {{ command: string, machine: readonly string[], rounds: number }} run
 */
export function renderReport(sections, { command, machine, rounds }) {
  const date = new Date().toISOString().slice(0, 10);
  const run = [...machine, `${date}, ${rounds} ${rounds === 1 ? 'round' : 'rounds'}, \`${command}\``];
  const measured = sections.filter(({ results }) => results.length > 0);
  const parts = [
    '# Benchmarks',
    ...goalTable(measured),
    ...list(goalLines(measured)),
    '![Events per CPU second of every server](RESULTS.svg)',
    introduction,
    ...measured.map(renderSection),
    '## Measured on',
    ...list(run),
  ];
  return `${parts.join('\n\n')}\n`;
}

/** @param {Section} section */
function renderSection(section) {
  const { title, note, results, table } = section;
  const { main, reference, ours, beside } = table;
  const heads = [
    '',
    main.head,
    'spread',
    ...(reference ? [reference.head] : []),
    ...(ours ? [ours] : []),
    ...beside.map(({ head }) => head),
  ];
  const rows = results.map(({ name }) => [
    name,
    ...spreadOf(section, name),
    ...(reference ? [compared(ratioOf(section, name, reference.of(name)))] : []),
    ...(ours ? [compared(ratioOf(section, own, name), ' ×')] : []),
    ...beside.map((column) => formatCount(figureOf(section, name, column)?.median ?? Number.NaN)),
  ]);
  return [`## ${title}`, ...(note === undefined ? [] : [note]), markdownTable(heads, rows)].join('\n\n');
}

/**
 * @param {Section} section
 * @param {string} row
 */
function spreadOf(section, row) {
  const figure = figureOf(section, row);
  if (!figure) return ['', ''];
  return [formatCount(figure.median), `${formatCount(figure.min)} – ${formatCount(figure.max)}`];
}

/**
 * @param {number | undefined} ratio
 * @param {string} [unit]
 */
function compared(ratio, unit = '') {
  return ratio === undefined ? '' : `${formatRatio(ratio)}${unit}`;
}

/**
 * @param {readonly string[]} lines
 * @returns {string[]} the list as one part, or none
 */
function list(lines) {
  return lines.length > 0 ? [lines.map((line) => `- ${line}`).join('\n')] : [];
}

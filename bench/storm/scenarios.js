import { less, more, own, ownServers, rowsOf, whole } from '../support/scenario.js';
import { formatCount } from '../report/table.js';
import { measureStorm } from './storm.js';

/** So many events have the clients missed that come back. */
const missed = 100;

/** The row of a server to which clients come back by `Last-Event-ID`. */
export const resumingRow = (/** @type {string} */ server) => `${server}, ${missed} events replayed`;

/**
 * @param {{ quick: boolean }} size
 * @returns {readonly import('../support/scenario.js').Scenario[]}
 */
export function stormScenarios({ quick }) {
  const watchers = quick ? 100 : 5_000;
  const open = whole((/** @type {string} */ contender) => measureStorm(contender, { watchers }));
  const resume = whole((/** @type {string} */ contender) =>
    measureStorm(contender, { watchers, events: missed }),
  );
  const resuming = ownServers.map((contender) => [
    resumingRow(contender),
    { contender, open: () => resume(contender) },
  ]);
  return [
    {
      name: 'storm',
      title: `${formatCount(watchers)} clients come at once`,
      note:
        'They come to a new process, as after a deployment, leave, and all come back. Streams opened per second of the server’s ' +
        'CPU, until each client has the headers, and what it missed; then the time by the clock from when their task is ended, ' +
        'or all of them, until the last client has the end. In a new process much of the time goes into compiling.',
      connections: watchers,
      rows: {
        ...rowsOf(['node:http-write', 'nest-sse', 'nest-sse-fastify', ...ownServers], open),
        ...Object.fromEntries(resuming),
      },
      table: {
        main: more('streams per CPU second', 'perCpuSecond'),
        reference: {
          head: 'of nest-sse on the same adapter',
          of: (name) => (name.startsWith(`${own}-fastify`) ? 'nest-sse-fastify' : 'nest-sse'),
        },
        beside: [atFirst, endedAfter],
      },
    },
  ];
}

/** Streams opened by a process that has served nobody yet. */
export const atFirst = more('in a new process', 'perCpuSecondAtFirst');
/** How long the ends take. */
export const endedAfter = less('ms until all have the end', 'endedAfter');

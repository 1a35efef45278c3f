import { column, less, ownServers, rowsOf, whole } from '../support/scenario.js';
import { formatCount } from '../report/table.js';
import { measureIdle } from './idle.js';

/**
 * @param {{ quick: boolean }} size
 * @returns {readonly import('../support/scenario.js').Scenario[]}
 */
export function idleScenarios({ quick }) {
  const watchers = quick ? 100 : 5_000;
  const contenders = ['nest-sse', 'nest-sse-fastify', ...ownServers];
  return [
    {
      name: 'idle',
      title: `Memory for each of ${formatCount(watchers)} idle watchers`,
      note:
        'What the process holds when garbage is collected: the heap of JavaScript with Buffers and all else outside ' +
        'of it; and what it has of the system. Both without what it had before. Less is better.',
      connections: watchers,
      rows: rowsOf(
        contenders,
        whole((contender) => measureIdle(contender, { watchers })),
      ),
      table: {
        main: less('kB held', 'heldPerWatcher', 1e-3),
        reference: {
          head: 'of nest-sse on the same adapter',
          of: (name) => (name.endsWith('-fastify') ? 'nest-sse-fastify' : 'nest-sse'),
        },
        beside: [column('kB resident', 'residentPerWatcher', 1e-3)],
      },
    },
  ];
}

import { column, less, ownServers, rowsOf, whole } from '../support/scenario.js';
import { formatCount } from '../report/table.js';
import { measureClose } from './close.js';

/**
 * @param {{ quick: boolean }} size
 * @returns {readonly import('../support/scenario.js').Scenario[]}
 */
export function closeScenarios({ quick }) {
  const load = { tasks: quick ? 10 : 100, watchers: quick ? 10 : 50 };
  const streams = load.tasks * load.watchers;
  return [
    {
      name: 'close',
      title: `Time to end ${formatCount(streams)} streams and close the application`,
      note:
        `\`app.close()\` while ${load.tasks} running tasks are watched, until it has returned and every client has got the ` +
        'terminal event and the end. Less is better.',
      connections: streams,
      rows: rowsOf(
        ownServers,
        whole((contender) => measureClose(contender, load)),
      ),
      table: {
        main: less('ms by the clock', 'wallTime'),
        beside: [
          column('ms until closed', 'closedAfter'),
          column('ms until the last client has the end', 'endedAfter'),
        ],
      },
    },
  ];
}

import { column, less, rowsOf, whole } from '../support/scenario.js';
import { formatCount } from '../report/table.js';
import { measureCancel } from './cancel.js';
import { contenders } from './contenders/index.js';

/**
 * @param {{ quick: boolean }} size
 * @returns {readonly import('../support/scenario.js').Scenario[]}
 */
export function cancelScenarios({ quick }) {
  return [
    cancelScenario('cancel-10k', quick ? { tasks: 100, times: 2 } : { tasks: 10_000, times: 10 }),
    cancelScenario('cancel-100k', quick ? { tasks: 1_000, times: 1 } : { tasks: 100_000, times: 1 }),
  ];
}

/**
 * @param {string} name
 * @param {{ tasks: number, times: number }} size how many at a time, and how often
 * @returns {import('../support/scenario.js').Scenario}
 */
function cancelScenario(name, { tasks, times }) {
  return {
    name,
    title: `Time to cancel ${formatCount(tasks)} running tasks and await their \`finally\``,
    rows: rowsOf(
      Object.keys(contenders),
      whole((contender) => measureCancel(contender, { tasks, times })),
    ),
    table: {
      main: less('ms of CPU, less is better', 'cpuTime'),
      reference: { head: 'of bare-loop', of: () => 'bare-loop' },
      ours: 'ours takes',
      beside: [column('ms by the clock', 'wallTime')],
    },
  };
}

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
    cancelScenario('cancel-10k', quick ? 100 : 10_000, quick ? 50 : 5_000),
    cancelScenario('cancel-100k', quick ? 1_000 : 100_000, quick ? 50 : 5_000),
  ];
}

/**
 * @param {string} name
 * @param {number} tasks
 * @param {number} warmUp
 * @returns {import('../support/scenario.js').Scenario}
 */
function cancelScenario(name, tasks, warmUp) {
  return {
    name,
    title: `Time to cancel ${formatCount(tasks)} running tasks and await their \`finally\``,
    rows: rowsOf(
      Object.keys(contenders),
      whole((contender) => measureCancel(contender, { tasks, warmUp })),
    ),
    table: {
      main: less('ms of CPU, less is better', 'cpuTime'),
      reference: { head: 'of bare-loop', of: () => 'bare-loop' },
      ours: 'ours takes',
      beside: [column('ms by the clock', 'wallTime')],
    },
  };
}

import { column, more, rowsOf, whole } from '../support/scenario.js';
import { contenders } from './contenders/index.js';
import { measureTasks } from './tasks.js';

/**
 * @param {{ quick: boolean }} size
 * @returns {readonly import('../support/scenario.js').Scenario[]}
 */
export function taskScenarios({ quick }) {
  const budget = quick ? { warmUp: 20, measured: 60 } : { warmUp: 400, measured: 1_300 };
  return [
    {
      name: 'tasks',
      title: 'Tasks started and finished, one event each, 100 at once',
      rows: rowsOf(
        Object.keys(contenders),
        whole((contender) => measureTasks(contender, budget)),
      ),
      table: {
        main: more('tasks per CPU second', 'perCpuSecond'),
        reference: { head: 'of bare-loop-lazy', of: () => 'bare-loop-lazy' },
        ours: 'ours is',
        beside: [column('tasks per second', 'perSecond')],
      },
    },
  ];
}

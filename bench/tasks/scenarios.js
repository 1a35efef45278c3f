import { column, rowsOf } from '../support/scenario.js';
import { contenders } from './contenders/index.js';
import { measureTasks } from './tasks.js';

/**
 * @param {{ budget: import('../fan-out/fan-out.js').Budget }} size
 * @returns {readonly import('../support/scenario.js').Scenario[]}
 */
export function taskScenarios({ budget }) {
  return [
    {
      name: 'tasks',
      title: 'Tasks started and finished, one event each, 100 at once',
      rows: rowsOf(Object.keys(contenders), (contender) => measureTasks(contender, budget)),
      table: {
        main: column('tasks per CPU second', 'perCpuSecond'),
        reference: { head: 'of bare-loop-lazy', of: () => 'bare-loop-lazy' },
        ours: 'ours is',
        beside: [column('tasks per second', 'perSecond')],
      },
    },
  ];
}

import { column, more, rowsOf } from '../support/scenario.js';
import { formatCount } from '../report/table.js';
import { contenders } from './contenders/index.js';
import { openFanOut } from './fan-out.js';

/**
 * @param {{ quick: boolean }} size
 * @returns {readonly import('../support/scenario.js').Scenario[]}
 */
export function fanOutScenarios({ quick }) {
  const budget = quick ? { warmUp: 20, slice: 30 } : { warmUp: 400, slice: 350 };
  const loads = {
    single: { tasks: 1, watchers: quick ? 50 : 1_000, burst: 1 },
    bursts: { tasks: 1, watchers: quick ? 50 : 1_000, burst: 10 },
    'many-tasks': { tasks: quick ? 10 : 200, watchers: 5, burst: 1 },
  };
  return [false, true].flatMap((awaited) =>
    Object.entries(loads).map(([name, rest]) => {
      const load = { ...rest, awaited };
      return {
        name: awaited ? `${name}-awaited` : name,
        title: titleOf(load),
        connections: load.tasks * load.watchers,
        rows: rowsOf(Object.keys(contenders), (contender) => openFanOut(contender, load, budget)),
        slices: quick ? 2 : 4,
        table: {
          main: more('events per CPU second', 'perCpuSecond'),
          reference: { head: 'of node:http', of: () => 'node:http' },
          ours: 'ours is',
          beside: [column('events per second', 'perSecond')],
        },
      };
    }),
  );
}

/** @param {import('./fan-out.js').Load} load */
function titleOf({ tasks, watchers, burst, awaited }) {
  const sent = burst === 1 ? 'one event per tick' : 'bursts of ten per tick';
  const pace = awaited ? ', each awaited' : '';
  return `${tasks} ${tasks === 1 ? 'task' : 'tasks'} × ${formatCount(watchers)} watchers, ${sent}${pace}`;
}

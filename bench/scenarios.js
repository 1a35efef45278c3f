import { cancelScenarios } from './cancel/scenarios.js';
import { closeScenarios } from './close/scenarios.js';
import { fanOutScenarios } from './fan-out/scenarios.js';
import { idleScenarios } from './idle/scenarios.js';
import { pacedScenarios } from './paced/scenarios.js';
import { replayScenarios } from './replay/scenarios.js';
import { taskScenarios } from './tasks/scenarios.js';

const fullBudget = { warmUp: 400, measured: 1_300 };
const quickBudget = { warmUp: 20, measured: 60 };

/**
 * All that is measured, in the order of the report.
 *
 * @param {{ quick: boolean }} size
 * @returns {readonly import('./support/scenario.js').Scenario[]}
 */
export function allScenarios({ quick }) {
  const size = { quick, budget: quick ? quickBudget : fullBudget };
  return [
    ...fanOutScenarios(size),
    ...pacedScenarios(size),
    ...idleScenarios(size),
    ...replayScenarios(size),
    ...closeScenarios(size),
    ...taskScenarios(size),
    ...cancelScenarios(size),
  ];
}

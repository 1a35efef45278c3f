import { cancelScenarios } from './cancel/scenarios.js';
import { closeScenarios } from './close/scenarios.js';
import { distributedScenarios } from './distributed/scenarios.js';
import { fanOutScenarios } from './fan-out/scenarios.js';
import { idleScenarios } from './idle/scenarios.js';
import { pacedScenarios } from './paced/scenarios.js';
import { replayScenarios } from './replay/scenarios.js';
import { stormScenarios } from './storm/scenarios.js';
import { taskScenarios } from './tasks/scenarios.js';

/**
 * All that is measured, in the order of the report.
 *
 * @param {{ quick: boolean }} size
 * @returns {readonly import('./support/scenario.js').Scenario[]}
 */
export function allScenarios(size) {
  return [
    ...fanOutScenarios(size),
    ...pacedScenarios(size),
    ...idleScenarios(size),
    ...replayScenarios(size),
    ...closeScenarios(size),
    ...stormScenarios(size),
    ...taskScenarios(size),
    ...cancelScenarios(size),
    ...distributedScenarios(size),
  ];
}

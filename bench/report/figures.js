import { summarize } from './statistics.js';

/**
 * @typedef {import('../support/scenario.js').Scenario & {
 *   results: readonly { name: string, rounds: readonly import('../support/scenario.js').Round[] }[]
 * }} Section a scenario that was measured
 */

/**
 * @param {Section} section
 * @param {string} row
 * @param {import('../support/scenario.js').Column} [column] the one that is compared, if no other
 * @returns {ReturnType<typeof summarize> | undefined} over all rounds; nothing when the row was not measured
 */
export function figureOf({ results, table }, row, column = table.main) {
  const found = results.find(({ name }) => name === row);
  return found && summarize(found.rounds.map((round) => column.of(round)));
}

/**
 * @param {Section} section
 * @param {string} row
 * @param {string} rival
 * @param {import('../support/scenario.js').Column} [column]
 */
export function ratioOf(section, row, rival, column) {
  const ours = figureOf(section, row, column);
  const theirs = figureOf(section, rival, column);
  return ours && theirs && ours.median / theirs.median;
}

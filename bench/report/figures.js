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
 * The ratios within each round: what slows the machine for a while slows both.
 *
 * @param {Section} section
 * @param {string} row
 * @param {string} rival
 * @param {import('../support/scenario.js').Column} [column]
 * @returns {ReturnType<typeof summarize> | undefined} nothing when either was not measured
 */
export function ratiosOf({ results, table }, row, rival, column = table.main) {
  const [ours, theirs] = [row, rival].map((name) => results.find((result) => result.name === name));
  if (!ours || !theirs) return undefined;
  const ratios = ours.rounds.flatMap((round, index) => {
    const other = theirs.rounds[index];
    return other ? [column.of(round) / column.of(other)] : [];
  });
  return summarize(ratios);
}

/**
 * The median of them.
 *
 * @param {Parameters<typeof ratiosOf>} args
 */
export function ratioOf(...args) {
  return ratiosOf(...args)?.median;
}

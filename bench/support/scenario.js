/**
 * Something to be measured, and how it is shown.
 *
 * @typedef {object} Scenario
 * @property {string} name
 * @property {string} [group] names it, too, with others
 * @property {string} [entryPoint] of the package, which it needs beside the main one; an older build may lack it
 * @property {string} title
 * @property {string} [note] what a reader of the table has to know
 * @property {number} [connections] that a process has open at once
 * @property {Readonly<Record<string, Row>>} rows who is measured, by the name it has in the table
 * @property {number} [slices] so many parts a measurement has, which alternate with those of the other rows; 1 by default
 * @property {TableShape} table
 *
 * @typedef {object} Row
 * @property {string} contender
 * @property {() => Promise<Measurement>} open makes ready what is measured, in processes of its own
 *
 * @typedef {object} Measurement
 * @property {() => Promise<void>} slice measures one part of it
 * @property {() => Round} result of all parts
 * @property {() => Promise<void>} close ends its processes
 *
 * @typedef {Record<string, number>} Round
 *
 * @typedef {object} Column
 * @property {string} head
 * @property {(round: Round) => number} of
 * @property {'more' | 'less'} [better] of what two builds are compared by
 *
 * @typedef {object} TableShape
 * @property {Column} main the figure that is compared; its spread stands behind it
 * @property {{ head: string, of: (row: string) => string }} [reference] with which row each is compared
 * @property {string} [ours] head of the column that compares each with this package on Express
 * @property {readonly Column[]} beside what else is worth knowing
 */

/** This package on Express, with whom all others are compared. */
export const own = 'nestjs-streaming';

/** This package, on each platform. */
export const ownServers = [own, `${own}-fastify`];

/**
 * One row for each contender, named after it.
 *
 * @param {readonly string[]} contenders
 * @param {(contender: string) => Promise<Measurement>} open
 * @returns {Record<string, Row>}
 */
export function rowsOf(contenders, open) {
  return Object.fromEntries(
    contenders.map((contender) => [contender, { contender, open: () => open(contender) }]),
  );
}

/**
 * What is measured in one go.
 *
 * @template {unknown[]} Args
 * @param {(...args: Args) => Promise<Round>} measure
 * @returns {(...args: Args) => Promise<Measurement>}
 */
export function whole(measure) {
  return async (...args) => {
    /** @type {Round} */
    let round = {};
    return {
      async slice() {
        round = await measure(...args);
      },
      result: () => round,
      close: async () => {},
    };
  };
}

/**
 * @param {string} head
 * @param {string} key of a round
 * @param {number} [factor]
 * @returns {Column}
 */
export function column(head, key, factor = 1) {
  return { head, of: (round) => (round[key] ?? Number.NaN) * factor };
}

/**
 * A column of which more is better.
 *
 * @param {Parameters<typeof column>} args
 * @returns {Column}
 */
export const more = (...args) => ({ ...column(...args), better: 'more' });

/**
 * A column of which less is better.
 *
 * @param {Parameters<typeof column>} args
 * @returns {Column}
 */
export const less = (...args) => ({ ...column(...args), better: 'less' });

/** Another build of the package: each row of ours gets a second one, whose processes load that build. */
import { cpSync, existsSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { own } from '../support/scenario.js';

/**
 * The build is copied to here, so that it finds the same copies of Nest, RxJS and all else as the one of this checkout: what
 * differs is the package alone.
 */
const copy = new URL('../../node_modules/.nestjs-streaming-against/', import.meta.url);

/** The row of the other build, beside that of this one. */
export const otherRow = (/** @type {string} */ row) => `${row}, other build`;

/**
 * @param {string} folder of a checkout that is built; a relative one is seen from where npm was started
 */
export function copyOtherBuild(folder) {
  const from = resolve(process.env['INIT_CWD'] ?? '', folder);
  if (!existsSync(join(from, 'package.json')) || !existsSync(join(from, 'dist', 'index.js'))) {
    throw new Error(
      `Wrong --against "${folder}": there is no build of the package in ${from}. ` +
        'Expected a checkout in which "npm ci" and "npm run build" were run',
    );
  }
  rmSync(copy, { recursive: true, force: true });
  for (const part of ['package.json', 'dist'])
    cpSync(join(from, part), new URL(part, copy), { recursive: true });
}

/**
 * Whether the other build has what a scenario needs.
 *
 * @param {import('../support/scenario.js').Scenario} scenario
 */
export function isInOtherBuild({ entryPoint }) {
  return entryPoint === undefined || existsSync(new URL(`dist/${entryPoint}/index.js`, copy));
}

/**
 * Rows of ours alone, each followed by that of the other build.
 *
 * @param {import('../support/scenario.js').Scenario} scenario
 * @returns {import('../support/scenario.js').Scenario}
 */
export function besideOtherBuild({ rows, ...scenario }) {
  const ours = Object.entries(rows).filter(([, { contender }]) => contender.startsWith(own));
  const both = ours.flatMap(([name, row]) => [
    [name, row],
    [otherRow(name), inOtherBuild(row)],
  ]);
  return { ...scenario, rows: Object.fromEntries(both) };
}

/**
 * @param {import('../support/scenario.js').Row} row
 * @returns {import('../support/scenario.js').Row}
 */
function inOtherBuild({ contender, open }) {
  return {
    contender,
    open: () =>
      withOtherBuild(async () => {
        const measurement = await open();
        return { ...measurement, slice: () => withOtherBuild(measurement.slice) };
      }),
  };
}

/**
 * Processes inherit the environment of this one when they are started, and no two rows start theirs at once.
 *
 * @template T
 * @param {() => Promise<T>} measure
 */
async function withOtherBuild(measure) {
  process.env['BENCH_PACKAGE'] = fileURLToPath(copy);
  try {
    return await measure();
  } finally {
    delete process.env['BENCH_PACKAGE'];
  }
}

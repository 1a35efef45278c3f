/**
 * Measures nestjs-streaming beside what else could be used in its place, each in processes of its own.
 *
 * What counts, where work is measured, is the processor time of the server, not the time on the wall: on a busy machine
 * the latter says more about the machine. Rounds go through all contenders one after the other, in slices where that can
 * be, so that a change of the machine's mood meets all.
 *
 * Run as `node --cpu-prof bench/run.js`, each process leaves a profile in the working directory.
 */
import { writeFileSync } from 'node:fs';
import { renderComparison } from './against/comparison.js';
import { besideOtherBuild, copyOtherBuild, isInOtherBuild } from './against/other-build.js';
import { allScenarios } from './scenarios.js';
import { renderChart } from './report/chart.js';
import { assertEnoughFiles, describeMachine } from './support/machine.js';
import { readOptions, usage } from './support/options.js';
import { renderReport } from './report/report.js';

try {
  await main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

/** @param {readonly string[]} args */
async function main(args) {
  const known = allScenarios({ quick: true });
  const options = readOptions(args, {
    scenarios: known.map(({ name }) => name),
    groups: groupsOf(known),
    contenders: [
      ...new Set(known.flatMap(({ rows }) => Object.values(rows).map(({ contender }) => contender))),
    ],
  });
  if (options.help) {
    console.log(usage);
    return;
  }
  const named = allScenarios(options).filter(({ name }) => options.scenarios.includes(name));
  if (options.against !== undefined) copyOtherBuild(options.against);
  const scenarios =
    options.against === undefined ? named : named.filter(isInOtherBuild).map(besideOtherBuild);
  const left = named.map(({ name }) => name).filter((of) => !scenarios.some(({ name }) => name === of));
  if (left.length > 0) console.error(`Not in the other build, and not measured: ${left.join(', ')}`);
  if (scenarios.length === 0) throw new Error('Nothing is left to be measured');
  assertEnoughFiles(Math.max(...scenarios.map(({ connections = 0 }) => connections)));

  const sections = [];
  for (const scenario of scenarios)
    sections.push({ ...scenario, results: await interleave(scenario, options) });

  if (options.json) {
    const shown = sections.map(({ name, title, results }) => ({ name, title, results }));
    console.log(JSON.stringify(shown, null, 2));
    return;
  }
  if (options.svg) {
    process.stdout.write(renderChart(sections));
    return;
  }
  if (options.against !== undefined) {
    console.log(renderComparison(sections));
    return;
  }
  const command = ['npm run bench', ...(args.length > 0 ? ['--', ...args] : [])].join(' ');
  const report = renderReport(sections, { command, machine: describeMachine(), rounds: options.rounds });
  console.log(report);
  if (!options.write) return;
  writeFileSync(new URL('RESULTS.md', import.meta.url), report);
  writeFileSync(new URL('RESULTS.svg', import.meta.url), renderChart(sections));
}

/** @param {readonly import('./support/scenario.js').Scenario[]} scenarios */
function groupsOf(scenarios) {
  /** @type {Record<string, string[]>} */
  const groups = {};
  for (const { name, group } of scenarios) if (group !== undefined) (groups[group] ??= []).push(name);
  return groups;
}

/**
 * A-B-C-A-B-C: in each round every row, slice by slice.
 *
 * @param {import('./support/scenario.js').Scenario} scenario
 * @param {{ contenders: readonly string[], rounds: number }} options
 */
async function interleave({ name: scenario, rows, slices = 1 }, options) {
  const chosen = Object.entries(rows).filter(([, { contender }]) => options.contenders.includes(contender));
  const results = chosen.map(([name]) => ({
    name,
    /** @type {import('./support/scenario.js').Round[]} */ rounds: [],
  }));
  for (let round = 1; round <= options.rounds; round++) {
    /** @type {import('./support/scenario.js').Measurement[]} */
    const open = [];
    try {
      for (const [, row] of chosen) open.push(await row.open());
      for (let slice = 1; slice <= slices; slice++) {
        for (const [index, measurement] of open.entries()) {
          if (process.stderr.isTTY)
            console.error(`${scenario}, round ${round} of ${options.rounds}: ${results[index]?.name}`);
          await measurement.slice();
        }
      }
      for (const [index, { rounds }] of results.entries())
        rounds.push(/** @type {import('./support/scenario.js').Measurement} */ (open[index]).result());
    } finally {
      await Promise.all(open.map((measurement) => measurement.close()));
    }
  }
  return results;
}

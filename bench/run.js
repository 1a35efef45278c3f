/**
 * Measures nestjs-streaming beside what else could be used in its place, each in processes of its own.
 *
 * What counts is the processor time of the server, not the time on the wall: on a busy machine the latter says more about
 * the machine. Rounds go through all contenders one after the other, so that a change of the machine's mood meets all.
 *
 * Run as `node --cpu-prof bench/run.js`, each process leaves a profile in the working directory.
 */
import { writeFileSync } from 'node:fs';
import { measureCancel, quickScenarios as quickCancel, scenarios as fullCancel } from './cancel/cancel.js';
import { contenders as sleepers } from './cancel/contenders/index.js';
import { contenders as servers } from './fan-out/contenders/index.js';
import { measureFanOut, quickScenarios as quickFanOut, scenarios as fullFanOut } from './fan-out/fan-out.js';
import { assertEnoughFiles, describeMachine } from './support/machine.js';
import { readOptions, usage } from './support/options.js';
import { renderReport } from './support/report.js';
import { contenders as starters } from './tasks/contenders/index.js';
import { measureTasks } from './tasks/tasks.js';

const fullBudget = { warmUp: 700, measured: 2_000 };
const quickBudget = { warmUp: 20, measured: 60 };

try {
  await main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

/** @param {readonly string[]} args */
async function main(args) {
  const options = readOptions(args, {
    scenarios: [...Object.keys(fullFanOut), 'tasks', ...Object.keys(fullCancel)],
    contenders: [...new Set([servers, starters, sleepers].flatMap((all) => Object.keys(all)))],
  });
  if (options.help) {
    console.log(usage);
    return;
  }
  const budget = options.quick ? quickBudget : fullBudget;
  const fanOut = pick(options.quick ? quickFanOut : fullFanOut, options.scenarios);
  const cancel = pick(options.quick ? quickCancel : fullCancel, options.scenarios);
  assertEnoughFiles(Math.max(0, ...fanOut.map(([, { tasks, watchers }]) => tasks * watchers)));

  const sections = [];
  for (const [name, scenario] of fanOut) {
    const measure = (/** @type {string} */ server) => measureFanOut(server, scenario, budget);
    sections.push({
      name,
      title: scenario.title,
      unit: 'events',
      limit: 'node:http',
      results: await interleave(name, servers, options, measure),
    });
  }
  if (options.scenarios.includes('tasks')) {
    const measure = (/** @type {string} */ starter) => measureTasks(starter, budget);
    const title = 'Tasks started and finished, one event each, 100 at once';
    sections.push({
      name: 'tasks',
      title,
      unit: 'tasks',
      limit: 'bare-loop-lazy',
      results: await interleave('tasks', starters, options, measure),
    });
  }
  for (const [name, scenario] of cancel) {
    const measure = (/** @type {string} */ sleeper) => measureCancel(sleeper, scenario);
    sections.push({
      name,
      title: scenario.title,
      limit: 'bare-loop',
      results: await interleave(name, sleepers, options, measure),
    });
  }

  if (options.json) {
    console.log(JSON.stringify(sections, null, 2));
    return;
  }
  const command = ['npm run bench', ...(args.length > 0 ? ['--', ...args] : [])].join(' ');
  const report = renderReport(sections, { command, machine: describeMachine(), rounds: options.rounds });
  console.log(report);
  if (options.write) writeFileSync(new URL('RESULTS.md', import.meta.url), report);
}

/**
 * @template T
 * @param {Record<string, T>} all
 * @param {readonly string[]} names
 */
function pick(all, names) {
  return Object.entries(all).filter(([name]) => names.includes(name));
}

/**
 * A-B-C-A-B-C: every contender once in each round.
 *
 * @template T
 * @param {string} scenario
 * @param {Record<string, unknown>} all
 * @param {{ contenders: readonly string[], rounds: number }} options
 * @param {(name: string) => Promise<T>} measure
 */
async function interleave(scenario, all, options, measure) {
  const results = Object.keys(all)
    .filter((name) => options.contenders.includes(name))
    .map((name) => ({ name, /** @type {T[]} */ rounds: [] }));
  for (let round = 1; round <= options.rounds; round++) {
    for (const { name, rounds } of results) {
      if (process.stderr.isTTY) console.error(`${scenario}, round ${round} of ${options.rounds}: ${name}`);
      rounds.push(await measure(name));
    }
  }
  return results;
}

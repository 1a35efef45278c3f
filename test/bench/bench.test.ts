import { describe, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

interface Round {
  readonly connections?: number;
  readonly eventsPerConnection?: number;
  readonly received?: number;
  readonly started?: number;
  readonly completed?: number;
  readonly perCpuSecond?: number;
  readonly tasks?: number;
  readonly cancelled?: number;
  readonly cleanedUp?: number;
  readonly cpuTime?: number;
}

interface Section {
  readonly name: string;
  readonly results: readonly { readonly name: string; readonly rounds: readonly Round[] }[];
}

const root = fileURLToPath(new URL('../..', import.meta.url));

const own = ['node:http', 'nest-sse', 'nest-sse-fastify', 'nestjs-streaming', 'nestjs-streaming-fastify'];
// Installed apart, by a run of the benchmarks: a test does not install.
const peers = ['better-sse'].filter((name) => existsSync(`${root}/bench/node_modules/${name}`));
const servers = [...own, ...peers];
const starters = ['bare-loop-lazy', 'bare-loop-eager', 'nestjs-streaming'];
const sleepers = ['bare-loop', 'nestjs-streaming'];

function contendersOf(scenario: string): readonly string[] {
  if (scenario.startsWith('cancel-')) return sleepers;
  return scenario === 'tasks' ? starters : servers;
}

function expectWhole(scenario: string, round: Round): void {
  if (scenario.startsWith('cancel-')) {
    expect(round.cpuTime).toBeGreaterThan(0);
    expect(round.tasks).toBeGreaterThan(0);
    expect(round.cancelled).toBe(round.tasks);
    expect(round.cleanedUp).toBe(round.tasks);
    return;
  }
  expect(round.perCpuSecond).toBeGreaterThan(0);
  if (scenario === 'tasks') {
    expect(round.started).toBeGreaterThan(0);
    expect(round.completed).toBe(round.started);
  } else {
    expect(round.eventsPerConnection).toBeGreaterThan(0);
    expect(round.received).toBe(round.connections! * round.eventsPerConnection!);
  }
}

async function runBench(...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, ['bench/run.js', ...args], {
    cwd: root,
    timeout: 60_000,
  });
  return stdout;
}

describe('the benchmarks', () => {
  test('a quick run: every server delivers every event to every watcher, and every task ends', async () => {
    const only = [...new Set([...servers, ...starters, ...sleepers])].join(',');
    const sections = JSON.parse(await runBench('--quick', '--json', '--only', only)) as Section[];

    expect(sections.map(({ name }) => name)).toEqual([
      'single',
      'bursts',
      'many-tasks',
      'tasks',
      'cancel-10k',
      'cancel-100k',
    ]);
    for (const { name, results } of sections) {
      expect(results.map((result) => result.name).toSorted()).toEqual(contendersOf(name).toSorted());
      for (const { rounds } of results) {
        expect(rounds).toHaveLength(1);
        for (const round of rounds) expectWhole(name, round);
      }
    }
  }, 90_000);

  test('the report begins with how many tasks are run, and how fast they are cancelled, beside the bare loop', async () => {
    const report = await runBench('--quick', '--only', 'tasks,cancel-10k,cancel-100k');

    expect(report).toMatch(
      /^# Benchmarks\n\n- Tasks per CPU second, ours ÷ bare loop \(eager signal\): \*\*\d+\.\d+\*\* .+\n- Time to cancel 1 000 running tasks and await their `finally`, ours ÷ bare loop: \*\*\d+\.\d+\*\* /,
    );
    expect(report).toMatch(/\| +\| ms of CPU, less is better \| +spread \| of bare-loop \| ours takes \|/);
  }, 60_000);

  test('an unknown name is told', async () => {
    await expect(runBench('--only', 'nest-see')).rejects.toThrow('Unknown name "nest-see" in --only');
  });
});

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
  readonly perCpuSecond: number;
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

async function runBench(...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, ['bench/run.js', ...args], {
    cwd: root,
    timeout: 60_000,
  });
  return stdout;
}

describe('the benchmarks', () => {
  test('a quick run: every server delivers every event to every watcher, and every task ends', async () => {
    const only = [...new Set([...servers, ...starters])].join(',');
    const sections = JSON.parse(await runBench('--quick', '--json', '--only', only)) as Section[];

    expect(sections.map(({ name }) => name)).toEqual(['single', 'bursts', 'many-tasks', 'tasks']);
    for (const { name, results } of sections) {
      const expected = name === 'tasks' ? starters : servers;
      expect(results.map((result) => result.name).toSorted()).toEqual(expected.toSorted());
      for (const { rounds } of results) {
        expect(rounds).toHaveLength(1);
        for (const round of rounds) {
          expect(round.perCpuSecond).toBeGreaterThan(0);
          if (name === 'tasks') {
            expect(round.started).toBeGreaterThan(0);
            expect(round.completed).toBe(round.started);
          } else {
            expect(round.eventsPerConnection).toBeGreaterThan(0);
            expect(round.received).toBe(round.connections! * round.eventsPerConnection!);
          }
        }
      }
    }
  }, 90_000);

  test('an unknown name is told', async () => {
    await expect(runBench('--only', 'nest-see')).rejects.toThrow('Unknown name "nest-see" in --only');
  });
});

import { describe, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { appendFile, cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

type Round = Readonly<Record<string, number>>;

interface Section {
  readonly name: string;
  readonly results: readonly { readonly name: string; readonly rounds: readonly Round[] }[];
}

const root = fileURLToPath(new URL('../..', import.meta.url));

// Installed apart, by a run of the benchmarks: a test does not install.
const needs = { 'better-sse': 'better-sse', '@fastify/sse': '@fastify/sse', compression: 'compression' };
const isInstalled = (peer: string) => existsSync(`${root}/bench/node_modules/${peer}`);
const peerOf = (contender: string) => Object.entries(needs).find(([part]) => contender.endsWith(part))?.[1];
const installed = (...names: string[]) => names.filter((name) => isInstalled(peerOf(name) ?? ''));

const own = ['nestjs-streaming', 'nestjs-streaming-fastify'];
const fallbacks = [
  'nestjs-streaming-intercepted',
  ...installed('nestjs-streaming-compression', 'nestjs-streaming-h2'),
];
const peers = installed('better-sse', '@fastify/sse');
const nest = ['nest-sse', 'nest-sse-fastify'];
const servers = ['node:http', 'node:http-write', ...nest, ...peers, ...own, ...fallbacks];
const starters = ['bare-loop-lazy', 'bare-loop-eager', 'nestjs-streaming'];
const sleepers = ['bare-loop', 'nestjs-streaming'];
const distributed = ['bullmq', 'nestjs-streaming'];

const rowsOf: Record<string, readonly string[]> = {
  single: servers,
  bursts: servers,
  'many-tasks': servers,
  'single-awaited': servers,
  'bursts-awaited': servers,
  'many-tasks-awaited': servers,
  latency: ['node:http', 'node:http-write', 'nest-sse', ...peers, ...own],
  stalled: own.flatMap((name) => [name, `${name}, some stalled`]),
  'loop-delay': ['node:http', ...own],
  idle: [...nest, ...own],
  replay: own,
  close: own,
  storm: ['node:http-write', ...nest, ...own.flatMap((name) => [name, `${name}, 100 events replayed`])],
  tasks: starters,
  'cancel-10k': sleepers,
  'cancel-100k': sleepers,
  'distributed-jobs': distributed,
  'distributed-events-bursts': distributed,
  'distributed-events-large-bursts': distributed,
  'distributed-events-awaited': distributed,
  'distributed-first-event': distributed,
  'distributed-cancel': ['nestjs-streaming', 'nestjs-streaming, all at once'],
  'distributed-connections': ['nestjs-streaming', 'nestjs-streaming, runs a task type'],
};

const expectFanOut = (round: Round): void => {
  expectAllReceived(round, round['connections']!);
  expect(round['perCpuSecond']).toBeGreaterThan(0);
};

const expectCancel = (round: Round): void => {
  expect(round['cpuTime']).toBeGreaterThan(0);
  expect(round['tasks']).toBeGreaterThan(0);
  expect(round['cancelled']).toBe(round['tasks']);
  expect(round['cleanedUp']).toBe(round['tasks']);
};

const expectEvents = (round: Round): void => {
  expect(round['events']).toBeGreaterThan(0);
  expect(round['received']).toBe(round['events']);
  expect(round['perCpuSecond']).toBeGreaterThan(0);
  expect(round['redisTime']).toBeGreaterThan(0);
};

const expectLatency = (round: Round): void => {
  expectAllReceived(round, round['reading']!);
  expect(round['p50']).toBeGreaterThan(0);
  expect(round['p99']).toBeGreaterThanOrEqual(round['p50']!);
};

/** What shows that all that should be measured took place. How fast it was is for the report alone. */
const expectWhole: Record<string, (round: Round, row: string) => void> = {
  single: expectFanOut,
  bursts: expectFanOut,
  'many-tasks': expectFanOut,
  'single-awaited': expectFanOut,
  'bursts-awaited': expectFanOut,
  'many-tasks-awaited': expectFanOut,
  latency: expectLatency,
  stalled(round, row) {
    expectLatency(round);
    const stalled = round['connections']! - round['reading']!;
    expect(stalled > 0).toBe(row.endsWith('stalled'));
    // To the end nothing could be written to them.
    if (stalled > 0) expect(round['blocked']).toBe(stalled);
  },
  'loop-delay'(round) {
    expectAllReceived(round, round['connections']!);
    expect(round['loopDelay']).toBeGreaterThan(0);
  },
  idle(round) {
    // No stream is less than its socket: had the watchers gone, or never come, it would be nothing.
    expect(round['heldPerWatcher']).toBeGreaterThan(1_000);
    expect(round['heldPerWatcher']).toBeLessThan(100_000);
  },
  replay(round) {
    expect(round['eventsPerConnection']).toBe(round['events']);
    expect(round['received']).toBeGreaterThan(10_000_000);
    expect(round['waitingShare']).toBeGreaterThan(0);
    expect(round['held']).toBeLessThan(10_000_000);
  },
  close(round) {
    expect(round['connections']).toBeGreaterThan(0);
    expect(round['whole']).toBe(round['connections']);
    expect(round['wallTime']).toBe(Math.max(round['closedAfter']!, round['endedAfter']!));
  },
  storm(round) {
    expect(round['watchers']).toBeGreaterThan(0);
    expect(round['perCpuSecond']).toBeGreaterThan(0);
    expect(round['perCpuSecondAtFirst']).toBeGreaterThan(0);
    expect(round['endedAfter']).toBeGreaterThan(0);
  },
  tasks(round) {
    expect(round['perCpuSecond']).toBeGreaterThan(0);
    expect(round['started']).toBeGreaterThan(0);
    expect(round['completed']).toBe(round['started']);
  },
  'cancel-10k': expectCancel,
  'cancel-100k': expectCancel,
  'distributed-jobs'(round) {
    expect(round['tasks']).toBeGreaterThan(0);
    expect(round['completed']).toBe(round['tasks']);
    expect(round['perCpuSecond']).toBeGreaterThan(0);
    expect(round['redisTime']).toBeGreaterThan(0);
  },
  'distributed-events-bursts': expectEvents,
  'distributed-events-large-bursts': expectEvents,
  'distributed-events-awaited': expectEvents,
  'distributed-first-event'(round) {
    expect(round['p50']).toBeGreaterThan(0);
    expect(round['p99']).toBeGreaterThanOrEqual(round['p50']!);
    // Part of the way.
    expect(round['handlerP50']).toBeLessThanOrEqual(round['p50']!);
  },
  'distributed-cancel'(round) {
    expect(round['tasks']).toBeGreaterThan(0);
    expect(round['cancelled']).toBe(round['tasks']);
    expect(round['p50']).toBeGreaterThan(0);
    expect(round['p99']).toBeGreaterThanOrEqual(round['p50']!);
  },
  'distributed-connections'(round, row) {
    expect(round['watched']).toBeGreaterThan(0);
    expect(round['connections']).toBeGreaterThanOrEqual(2);
    expect(round['connections']).toBeLessThanOrEqual(row.endsWith('type') ? 6 : 4);
  },
};

function expectAllReceived(round: Round, watchers: number): void {
  expect(watchers).toBeGreaterThan(0);
  expect(round['eventsPerConnection']).toBeGreaterThan(0);
  expect(round['received']).toBe(watchers * round['eventsPerConnection']!);
}

async function runBench(...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, ['bench/run.js', ...args], {
    cwd: root,
    timeout: 280_000,
  });
  return stdout;
}

function rowsIn(report: string): string[][] {
  const lines = report.split('\n').filter((line) => line.startsWith('| '));
  return lines.map((line) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim()),
  );
}

/** What is told of a figure; either where it was rounded to the very bound. */
function verdict(figure: string, bound: number, isMet: (value: number) => boolean): RegExp {
  const value = Number(figure.replace(' ms', '').replaceAll(' ', ''));
  if (value === bound) return new RegExp(`^(${figure}, met|\\*\\*${figure}, missed\\*\\*)$`);
  return new RegExp(isMet(value) ? `^${figure}, met$` : `^\\*\\*${figure}, missed\\*\\*$`);
}

describe('the benchmarks', () => {
  test('a quick run: every server delivers every event to every watcher, and every task ends', async () => {
    const only = [...new Set([...servers, ...starters, ...sleepers, ...distributed])].join(',');
    const sections = JSON.parse(await runBench('--quick', '--json', '--only', only)) as Section[];

    expect(sections.map(({ name }) => name)).toEqual(Object.keys(rowsOf));
    for (const { name, results } of sections) {
      expect(results.map((result) => result.name).toSorted()).toEqual(rowsOf[name]!.toSorted());
      for (const { name: row, rounds } of results) {
        expect(rounds).toHaveLength(1);
        for (const round of rounds) expectWhole[name]!(round, row);
      }
    }
  }, 300_000);

  test('the report begins with how many tasks are run, and how fast they are cancelled, beside the bare loop', async () => {
    const report = await runBench('--quick', '--only', 'tasks,cancel-10k,cancel-100k');

    expect(report).toMatch(
      /^# Benchmarks\n\n- Tasks per CPU second, ours ÷ bare loop \(eager signal\): \*\*\d+\.\d+\*\* \(goal: at least 0\.7, (met|missed)\)\n- Time to cancel 1 000 running tasks and await their `finally`, ours ÷ bare loop: \*\*\d+\.\d+\*\* \(goal: /,
    );
    expect(report).toMatch(/\| +\| ms of CPU, less is better \| +spread \| of bare-loop \| ours takes \|/);
  });

  test('the report begins with what is held to a goal, on both platforms, and whether it is met', async () => {
    const only = ['single', 'close', 'node:http', 'nest-sse', ...own];
    const report = await runBench('--quick', '--rounds', '2', '--only', only.join(','));

    expect(report).toMatch(/^# Benchmarks\n\n\| goal +\| +wanted \| +on Express \| +on Fastify \|\n/);
    const goals = rowsIn(report).filter(([title]) => title!.includes(': '));
    const single = '1 task × 50 watchers, one event per tick: ours ÷';
    const close = 'Time to end 100 streams and close the application: by the clock';
    expect(goals.map(([title, wanted]) => [title, wanted])).toEqual([
      [`${single} node:http`, 'at least 0.85'],
      [`${single} nest-sse`, 'at least 3.5'],
      // Who was not measured has no goal.
      [close, 'under 1 500 ms'],
    ]);
    const toLimit = rowsIn(report).filter(([name]) => own.includes(name!));
    for (const [column, row] of toLimit.slice(0, 2).entries()) {
      expect(goals[0]![2 + column]).toMatch(verdict(row[3]!, 0.85, (ratio) => ratio > 0.85));
    }
    for (const [column, row] of toLimit.slice(2).entries()) {
      expect(goals[2]![2 + column]).toMatch(verdict(`${row[1]} ms`, 1_500, (ms) => ms < 1_500));
    }
  });

  test('the chart has a bar for every server, as long as its figure is large', async () => {
    const svg = await runBench('--quick', '--svg', '--only', 'bursts,node:http,nest-sse,nestjs-streaming');

    const bars = [
      ...svg.matchAll(
        /<g class="(\w+)">\s*<text [^>]+>([^<]+)<\/text>\s*<rect [^>]* width="([\d.]+)"[^>]*\/>\s*<text [^>]+>([\d ]+)<\/text>/g,
      ),
    ].map(([, kind, name, width, figure]) => ({
      kind,
      name,
      width: Number(width),
      value: Number(figure!.replaceAll(' ', '')),
    }));
    expect(bars.map(({ kind, name }) => [kind, name])).toEqual([
      ['reference', 'node:http'],
      ['other', 'nest-sse'],
      ['own', 'nestjs-streaming'],
    ]);
    const longest = bars.toSorted((a, b) => b.value - a.value)[0]!;
    for (const { width, value } of bars) {
      expect(Math.abs(width / longest.width - value / longest.value)).toBeLessThan(0.02);
    }
    expect(svg).toContain('prefers-color-scheme: dark');
  });

  test('another build is measured in processes of its own, and the table has how ours does beside it', async () => {
    const other = await mkdtemp(join(tmpdir(), 'other-build-'));
    try {
      for (const part of ['package.json', 'dist']) {
        await cp(join(root, part), join(other, part), { recursive: true });
      }
      await appendFile(join(other, 'dist/index.js'), `\nconsole.log('the other build is loaded');\n`);
      // As a build from before there were many instances.
      await rm(join(other, 'dist/bullmq'), { recursive: true });
      const only = ['storm', 'replay', 'tasks', 'cancel-10k', 'distributed-jobs', 'nestjs-streaming'];
      const report = await runBench('--quick', '--against', other, '--only', only.join(','));

      const [, , ...rows] = rowsIn(report);
      expect(rows.map(([row, figure, , , , , wanted]) => [row, figure, wanted])).toEqual([
        ...['nestjs-streaming', 'nestjs-streaming, 100 events replayed'].flatMap((row) => [
          [`storm: ${row}`, 'streams per CPU second', 'at least 0.95'],
          [`storm: ${row}`, 'in a new process', 'at least 0.95'],
          [`storm: ${row}`, 'ms until all have the end', 'at least 0.95'],
        ]),
        ['tasks: nestjs-streaming', 'tasks per CPU second', 'at least 0.97'],
        ['cancel-10k: nestjs-streaming', 'ms of CPU, less is better', 'at least 0.95'],
      ]);
      for (const [, figure, ours, others, ratio, , wanted, verdictOf] of rows) {
        const [least, value] = [Number(wanted!.replace('at least ', '')), Number(ratio)];
        const quotient = Number(ours!.replaceAll(' ', '')) / Number(others!.replaceAll(' ', ''));
        const expected = figure!.startsWith('ms ') ? 1 / quotient : quotient;
        // Both figures are told with three digits.
        expect(Math.abs(value / expected - 1)).toBeLessThan(0.02);
        if (value !== least) expect(verdictOf).toBe(value > least ? 'met' : '**missed**');
      }
      // Two rows of the storm, one each of the others; none of ours loads it.
      expect(report.match(/^the other build is loaded$/gm)).toHaveLength(5);
    } finally {
      await rm(other, { recursive: true });
    }
  });

  test('one name runs all that is distributed, and the report begins with its goals', async () => {
    const report = await runBench('--quick', 'distributed');

    const goals = report.split('\n').filter((line) => line.startsWith('- ') && line.includes('(goal: '));
    expect(
      goals.map((line) =>
        /: ([^:]+): \*\*[\d.]+( ms)?\*\* \(goal: (.+), (met|missed)\)$/.exec(line)?.slice(1, 4),
      ),
    ).toEqual([
      ['per CPU second, ours ÷ bullmq', undefined, 'at least 0.6'],
      ['per CPU second, ours ÷ bullmq', undefined, 'at least 3'],
      ['per CPU second, ours ÷ bullmq', undefined, 'at least 3'],
      ['p50', ' ms', 'under 10 ms'],
      ['p50', ' ms', 'under 25 ms'],
      ['p99', ' ms', 'under 100 ms'],
      ['runs no task type', undefined, 'at most 4'],
      ['runs one', undefined, 'at most 6'],
    ]);
    expect(report.match(/^## /gm)).toHaveLength(7);
  }, 120_000);

  test('a folder without a build is told', async () => {
    await expect(runBench('--against', 'docs')).rejects.toThrow('Wrong --against "docs": there is no build');
  });

  test('an unknown name is told', async () => {
    await expect(runBench('--only', 'nest-see')).rejects.toThrow('Unknown name "nest-see" in --only');
  });
});

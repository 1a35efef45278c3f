import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import type { Cluster } from '../cluster/cluster.js';
import type { Instance } from '../cluster/instance.js';
import { ClusterError } from '../cluster/program.js';
import { Board } from './board.js';
import type { Mark } from './chart.js';
import { printReport } from './report.js';
import { Watcher } from './watcher.js';

export interface DemoSizes {
  readonly tasks: number;
  readonly watchers: number;
  /** That a task takes when nothing happens. */
  readonly seconds: number;
}

/** Milliseconds between two rows of a task. */
const pace = 250;
/** Milliseconds that a step may take: what is asked of the cluster is a tenth of it. */
const patience = 120_000;

/** What Redis has to do while all tasks run. */
export interface RedisLoad {
  readonly connections: number;
  readonly megabytes: number;
}

/**
 * Starts tasks with watchers, kills the instance that runs most of them, restarts the others one after the other, and
 * looks at what each watcher received.
 *
 * @returns whether everything is whole
 */
export async function runDemo(cluster: Cluster, sizes: DemoSizes, signal: AbortSignal): Promise<boolean> {
  checkSizes(sizes);
  const demo = new Demo(cluster, sizes);
  signal.addEventListener('abort', () => demo.close(), { once: true });
  try {
    return await demo.run();
  } finally {
    demo.close();
  }
}

class Demo {
  readonly #cluster: Cluster;
  readonly #sizes: DemoSizes;
  readonly #board: Board;
  /** Of each task. */
  readonly #watchers: Watcher[][] = [];
  readonly #marks: Mark[] = [];

  constructor(cluster: Cluster, sizes: DemoSizes) {
    this.#cluster = cluster;
    this.#sizes = sizes;
    const name = randomBytes(3).toString('hex');
    this.#board = new Board(Array.from({ length: sizes.tasks }, (_task, index) => `${name}-${index + 1}`));
  }

  async run(): Promise<boolean> {
    const { tasks, watchers, seconds } = this.#sizes;
    const rows = Math.ceil((seconds * 1_000) / pace);
    say(`${tasks} tasks of ${rows} rows, ${watchers} watchers, 3 instances behind ${this.#cluster.url}`);
    await Promise.all(this.#board.ids.map((id) => this.#start(id, rows)));
    this.#watch();
    await this.#until('every task runs', () => this.#board.allRun);
    say(`all run: ${this.#cluster.instances.map((instance) => this.#countOn(instance)).join(', ')}`);
    const load = await this.#redisLoad();
    // So that there is something to lose.
    await this.#until('a sixth is done', () => this.#board.rows.length >= (tasks * rows) / 6);

    const victim = this.#cluster.instances.toSorted((a, b) => this.#runningOn(b) - this.#runningOn(a))[0];
    if (victim === undefined) throw new ClusterError('There is no instance to kill');
    const recovery = await this.#kill(victim);
    for (const instance of this.#cluster.instances) if (instance !== victim) await this.#restart(instance);

    const ended = this.#watchers.flat().map((watcher) => watcher.ended);
    await within(Promise.all(ended), patience);
    return printReport({
      instances: this.#cluster.instances.map(({ name }) => name),
      board: this.#board,
      marks: this.#marks,
      watchers: this.#watchers,
      recovery,
      load,
    });
  }

  close(): void {
    for (const watcher of this.#watchers.flat()) watcher.close();
  }

  async #start(id: string, rows: number): Promise<void> {
    const response = await fetch(this.#urlOf(id), {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ rows, pace }),
    });
    if (!response.ok) throw new ClusterError(`A task did not start: ${await response.text()}`);
  }

  #watch(): void {
    const { watchers } = this.#sizes;
    this.#board.ids.forEach((id, index, { length }) => {
      const count = Math.floor(watchers / length) + (index < watchers % length ? 1 : 0);
      const of = Array.from({ length: count }, () => {
        return new Watcher(this.#urlOf(id), (event) => this.#board.take(id, event));
      });
      this.#watchers.push(of);
    });
  }

  /** @returns the milliseconds until the last of its tasks went on */
  async #kill(instance: Instance): Promise<number> {
    const lost = this.#board.on(instance.name);
    say(`SIGKILL to ${instance.name}, which runs ${lost.length} tasks`);
    const at = performance.now();
    this.#marks.push({ instance: instance.name, at, sign: '×' });
    await instance.kill();
    await this.#allGoOn(lost, at);
    const recovery = Math.max(0, ...lost.map((id) => this.#board.startedAt(id) - at));
    say(`its tasks go on elsewhere, the last one after ${inSeconds(recovery)}`);
    return recovery;
  }

  async #restart(instance: Instance): Promise<void> {
    const handedOver = this.#board.on(instance.name);
    const at = performance.now();
    this.#marks.push({ instance: instance.name, at, sign: '↻' });
    const took = await instance.restart();
    await this.#allGoOn(handedOver, at);
    say(
      `${instance.name} restarted: it closed in ${inSeconds(took)} and gave ${handedOver.length} tasks to others`,
    );
  }

  async #allGoOn(tasks: readonly string[], since: number): Promise<void> {
    await this.#until('all tasks go on', () => tasks.every((id) => this.#board.hasGoneOn(id, since)));
  }

  async #until(what: string, isTrue: () => boolean): Promise<void> {
    if (!(await this.#board.until(isTrue, patience)))
      throw new ClusterError(`Not within ${patience / 1_000} s: ${what}`);
  }

  async #redisLoad(): Promise<RedisLoad | undefined> {
    // Of another Redis, others may be users too.
    if (!this.#cluster.redis.isOurs) return undefined;
    const client = new Redis(this.#cluster.redis.url);
    try {
      const info = await client.info();
      const numberOf = (field: string): number => Number(new RegExp(`^${field}:(\\d+)`, 'm').exec(info)?.[1]);
      return { connections: numberOf('connected_clients') - 1, megabytes: numberOf('used_memory') / 1e6 };
    } finally {
      client.disconnect();
    }
  }

  #runningOn({ name }: Instance): number {
    return this.#board.on(name).length;
  }

  #countOn(instance: Instance): string {
    return `${this.#runningOn(instance)} on ${instance.name}`;
  }

  #urlOf(id: string): string {
    return `${this.#cluster.url}/stream/app/ImportTask/${id}`;
  }
}

function checkSizes(sizes: DemoSizes): void {
  for (const [name, value] of Object.entries(sizes))
    if (!Number.isInteger(value) || value < 1)
      throw new ClusterError(`--${name} is a whole number from 1 on`);
  if (sizes.watchers < sizes.tasks)
    throw new ClusterError('--watchers is at least --tasks: each task has one');
  if (sizes.tasks > 50) throw new ClusterError('--tasks is at most 50: so many run at once on two instances');
}

async function within(work: Promise<unknown>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  await Promise.race([work, new Promise((resolve) => (timer = setTimeout(resolve, ms)))]);
  clearTimeout(timer);
}

function say(line: string): void {
  console.log(`  ${(performance.now() / 1_000).toFixed(1).padStart(5)} s  ${line}`);
}

function inSeconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

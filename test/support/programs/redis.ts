import { afterAll, afterEach, beforeAll, describe } from '@jest/globals';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Redis, type RedisOptions } from 'ioredis';
import { settle } from '../../../lib/testing/test-clock.js';
import { keepStore } from '../app/store.js';
import { eventually } from '../wait.js';
import { findExecutable } from './executable.js';
import { freePort } from './free-port.js';
import { describeMissing } from './missing.js';

/** So often in a row nobody else has asked anything: an answer may be on its way still. */
const QUIET_LOOKS = 3;

/** A Redis of one suite, with nothing in it. */
export interface RedisServer {
  readonly host: string;
  readonly port: number;
  /** A client that is closed after the test. */
  connect(options?: RedisOptions): Redis;
  /** Closes every connection but the one that asks. */
  killConnections(): Promise<void>;
  /** Settles when nobody asks it for anything any more, but for what waits for a job. */
  untilQuiet(): Promise<void>;
  /** Ends it at once, with all that it holds. */
  kill(): Promise<void>;
  /** Starts it again on the same port, empty. */
  restart(): Promise<void>;
  /** It takes connections and answers nothing, until it goes on. */
  pause(): void;
  goOn(): void;
}

/** `describe` for what needs a real Redis, which is started for the suite and stopped after it. */
export function describeWithRedis(
  name: string,
  settings: readonly string[],
  fn: (server: RedisServer) => void,
): void {
  const program = findExecutable('REDIS_SERVER', ['redis-server'], []);
  if (program === undefined) {
    describeMissing(name, `"${name}" needs Redis: apt-get install redis-server, or set REDIS_SERVER`);
    return;
  }
  describe(name, () => {
    const server = new StartedServer(program, settings);
    beforeAll(() => server.start(), 30_000);
    afterEach(() => server.closeClients());
    afterAll(() => server.stop(), 30_000);
    fn(server);
  });
}

let shared: Promise<StartedServer> | undefined;

/** One for all tests of a file, started when the first asks. */
export async function sharedRedis(): Promise<RedisServer> {
  const program = findExecutable('REDIS_SERVER', ['redis-server'], []);
  if (program === undefined)
    throw new Error('These tests need Redis: apt-get install redis-server, or set REDIS_SERVER');
  const server = new StartedServer(program, []);
  if (!shared) keepStore((shared = server.start().then(() => server)));
  return shared;
}

class StartedServer implements RedisServer {
  readonly host = '127.0.0.1';
  readonly #program: string;
  readonly #settings: readonly string[];
  readonly #clients: Redis[] = [];
  #folder = '';
  #process: ChildProcess | undefined;
  #observer: Redis | undefined;
  port = 0;

  constructor(program: string, settings: readonly string[]) {
    this.#program = program;
    this.#settings = settings;
  }

  async start(): Promise<void> {
    this.#folder = mkdtempSync(join(tmpdir(), 'redis-'));
    this.port = await freePort();
    await this.restart();
  }

  async restart(): Promise<void> {
    const args = ['--bind', this.host, '--port', String(this.port), '--dir', this.#folder, '--save', ''];
    // A node learns its address from others.
    if (this.#isCluster) args.push('--cluster-announce-ip', this.host);
    this.#process = spawn(this.#program, [...args, ...this.#settings], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await untilReady(this.#process);
    if (this.#isCluster) await this.#makeCluster();
  }

  get #isCluster(): boolean {
    return this.#settings.includes('--cluster-enabled');
  }

  connect(options: RedisOptions = {}): Redis {
    const client = new Redis({ host: this.host, port: this.port, disconnectTimeout: 100, ...options });
    client.on('error', () => undefined);
    this.#clients.push(client);
    return client;
  }

  closeClients(): void {
    this.goOn();
    for (const client of this.#clients.splice(0)) client.disconnect();
  }

  async killConnections(): Promise<void> {
    const client = this.connect();
    for (const type of ['normal', 'pubsub'])
      await client.call('CLIENT', 'KILL', 'TYPE', type, 'SKIPME', 'yes');
  }

  async untilQuiet(): Promise<void> {
    this.#observer ??= new Redis({ host: this.host, port: this.port });
    let before = await this.#countCommands(this.#observer);
    for (let quiet = 0; quiet < QUIET_LOOKS;) {
      const after = await this.#countCommands(this.#observer);
      // The question counts too.
      quiet = after === before + 1 ? quiet + 1 : 0;
      before = after;
    }
  }

  /** Behind what this process was about to ask. */
  async #countCommands(client: Redis): Promise<number> {
    await settle();
    return Number(/total_commands_processed:(\d+)/.exec(await client.info('stats'))?.[1]);
  }

  async kill(): Promise<void> {
    const server = this.#process;
    if (!server || server.exitCode !== null || server.signalCode !== null) return;
    const exited = once(server, 'exit');
    server.kill('SIGKILL');
    await exited;
  }

  async stop(): Promise<void> {
    this.#observer?.disconnect();
    this.#observer = undefined;
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  pause(): void {
    this.#process?.kill('SIGSTOP');
  }

  goOn(): void {
    this.#process?.kill('SIGCONT');
  }

  /** A cluster of one node, which refuses what touches two slots as any other does. */
  async #makeCluster(): Promise<void> {
    const client = this.connect();
    await client.cluster('ADDSLOTS', ...Array.from({ length: 16_384 }, (_slot, n) => n));
    await eventually(async () => (await client.cluster('INFO')).includes('cluster_state:ok'));
    client.disconnect();
  }
}

async function untilReady(server: ChildProcess): Promise<void> {
  const lines: string[] = [];
  for await (const line of createInterface({ input: server.stdout! })) {
    lines.push(line);
    if (!line.includes('Ready to accept connections')) continue;
    // What it still says must not fill the pipe.
    server.stdout!.resume();
    return;
  }
  throw new Error(`Redis did not start:\n${lines.join('\n')}`);
}

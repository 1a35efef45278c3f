import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const host = '127.0.0.1';

/** A Redis of one measurement, on a free port, with nothing in it. */
export class RedisServer {
  /** @readonly */
  port;
  /** @readonly */
  #folder;
  /** @readonly */
  #process;
  /** @readonly */
  #client;

  static async start() {
    const program = process.env['REDIS_SERVER'] ?? 'redis-server';
    try {
      execFileSync(program, ['--version'], { stdio: 'ignore' });
    } catch {
      throw new Error('What is distributed needs Redis: apt-get install redis-server, or set REDIS_SERVER');
    }
    const folder = mkdtempSync(join(tmpdir(), 'bench-redis-'));
    const port = await freePort();
    const args = ['--bind', host, '--port', String(port), '--dir', folder, '--save', ''];
    const server = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    for await (const line of createInterface({ input: server.stdout })) {
      if (line.includes('Ready to accept connections')) break;
    }
    // What it still says must not fill the pipe.
    server.stdout.resume();
    const { Redis } = await import('ioredis');
    return new RedisServer(port, folder, server, new Redis({ host, port }));
  }

  /**
   * @param {number} port
   * @param {string} folder
   * @param {import('node:child_process').ChildProcess} server
   * @param {import('ioredis').Redis} client
   */
  constructor(port, folder, server, client) {
    this.port = port;
    this.#folder = folder;
    this.#process = server;
    this.#client = client;
  }

  /** Its own processor time by now, in milliseconds. */
  async cpu() {
    const info = await this.#client.info('cpu');
    const seconds = ['used_cpu_user', 'used_cpu_sys'].map((name) =>
      Number(new RegExp(`^${name}:(.*)$`, 'm').exec(info)?.[1]),
    );
    return seconds.reduce((sum, each) => sum + each, 0) * 1_000;
  }

  /** How many jobs of a queue wait or are worked on. */
  async jobs(/** @type {string} */ queue) {
    const pipeline = this.#client.pipeline().llen(`${queue}:wait`).llen(`${queue}:active`);
    const counts = await pipeline.zcard(`${queue}:prioritized`).exec();
    return (counts ?? []).reduce((sum, [, count]) => sum + Number(count), 0);
  }

  /** Connections of others. */
  async connections() {
    const list = /** @type {string} */ (await this.#client.client('LIST'));
    return list.trim().split('\n').length - 1;
  }

  async stop() {
    this.#client.disconnect();
    const exited = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await exited;
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** A port that nobody listens on. */
async function freePort() {
  const server = createServer().listen(0, host);
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  server.close();
  await once(server, 'close');
  return port;
}

import { afterAll, beforeAll, describe } from '@jest/globals';
import { type ChildProcess, execFile, spawn, type SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import type { PoolConfig } from 'pg';
import { isExecutable } from './executable.js';
import { freePort } from './free-port.js';
import { describeMissing } from './missing.js';

/** Where Debian keeps the programs of each version, out of the `PATH`. */
const DEBIAN = '/usr/lib/postgresql';

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** A server of one suite, with nothing in it. */
export interface PostgresServer {
  /** For a pool or a client. */
  readonly config: PoolConfig & { readonly host: string; readonly port: number };
  /** The folder of its socket. */
  readonly socketFolder: string;
}

/** The folder of `initdb` and `postgres`: of `POSTGRES_BIN`, else of the distribution, else on the `PATH`. */
export function findPostgres(): string | undefined {
  const named = process.env['POSTGRES_BIN'];
  if (named !== undefined && named !== '') {
    if (!hasPrograms(named)) throw new Error(`POSTGRES_BIN is "${named}", where initdb and postgres are not`);
    return named;
  }
  const folders = [...debianFolders(), ...(process.env['PATH'] ?? '').split(delimiter)];
  return folders.find(hasPrograms);
}

/** `describe` for what needs a real PostgreSQL, which is started for the suite and stopped after it. */
export function describeWithPostgres(name: string, fn: (server: PostgresServer) => void): void {
  const programs = findPostgres();
  if (programs !== undefined) {
    describe(name, () => {
      const server = new StartedServer(programs);
      beforeAll(() => server.start(), 60_000);
      afterAll(() => server.stop(), 30_000);
      fn(server);
    });
    return;
  }
  describeMissing(name, `"${name}" needs PostgreSQL: apt-get install postgresql, or set POSTGRES_BIN`);
}

class StartedServer implements PostgresServer {
  readonly #programs: string;
  readonly #owner = ownerOfServer();
  #folder = '';
  #process: ChildProcess | undefined;
  #port = 0;

  constructor(programs: string) {
    this.#programs = programs;
  }

  get config(): PostgresServer['config'] {
    return { host: '127.0.0.1', port: this.#port, user: 'postgres', database: 'postgres' };
  }

  get socketFolder(): string {
    return this.#folder;
  }

  async start(): Promise<void> {
    this.#folder = mkdtempSync(join(tmpdir(), 'postgres-'));
    const data = join(this.#folder, 'data');
    if (this.#owner) chownSync(this.#folder, this.#owner.uid, this.#owner.gid);
    await this.#run('initdb', [
      '-D',
      data,
      '-U',
      'postgres',
      '-A',
      'trust',
      '-E',
      'UTF8',
      '--locale=C',
      '--no-sync',
    ]);
    await this.#makeCertificate(data);
    this.#port = await freePort();
    const settings = {
      port: this.#port,
      listen_addresses: '127.0.0.1',
      unix_socket_directories: this.#folder,
      ssl: 'on',
      fsync: 'off',
      max_connections: 20,
    };
    const args = Object.entries(settings).flatMap(([setting, value]) => ['-c', `${setting}=${value}`]);
    this.#process = spawn(join(this.#programs, 'postgres'), ['-D', data, ...args], {
      ...this.#options,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    await untilReady(this.#process);
  }

  /** Drops all connections and ends. */
  async stop(): Promise<void> {
    const server = this.#process;
    if (server && server.exitCode === null && server.signalCode === null) {
      const exited = once(server, 'exit');
      server.kill('SIGINT');
      await exited;
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Debian's PostgreSQL brings OpenSSL with it. */
  async #makeCertificate(data: string): Promise<void> {
    const [key, certificate] = [join(data, 'server.key'), join(data, 'server.crt')];
    const subject = ['-subj', '/CN=localhost', '-keyout', key, '-out', certificate];
    await promisify(execFile)(
      'openssl',
      ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...subject],
      this.#options,
    );
    chmodSync(key, 0o600);
  }

  async #run(program: string, args: readonly string[]): Promise<void> {
    await promisify(execFile)(join(this.#programs, program), args, this.#options);
  }

  get #options(): SpawnOptions {
    return { cwd: this.#folder, ...this.#owner };
  }
}

/** PostgreSQL refuses to run as root: then as the distribution's user for it, or as nobody. */
function ownerOfServer(): Owner | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const users = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  const [, , uid, gid] =
    users.find(([name]) => name === 'postgres') ?? users.find(([name]) => name === 'nobody') ?? [];
  if (uid === undefined) throw new Error('There is no user, postgres or nobody, that could run PostgreSQL');
  return { uid: Number(uid), gid: Number(gid) };
}

async function untilReady(server: ChildProcess): Promise<void> {
  const lines: string[] = [];
  for await (const line of createInterface({ input: server.stderr! })) {
    lines.push(line);
    if (!line.includes('database system is ready to accept connections')) continue;
    // What it still says must not fill the pipe.
    server.stderr!.resume();
    return;
  }
  throw new Error(`PostgreSQL did not start:\n${lines.join('\n')}`);
}

/** The newest first. */
function debianFolders(): string[] {
  try {
    const versions = readdirSync(DEBIAN).toSorted((a, b) => Number(b) - Number(a));
    return versions.map((version) => join(DEBIAN, version, 'bin'));
  } catch {
    return [];
  }
}

function hasPrograms(folder: string): boolean {
  return ['initdb', 'postgres'].every((program) => isExecutable(join(folder, program)));
}

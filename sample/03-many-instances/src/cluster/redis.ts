import { createInterface } from 'node:readline';
import { ClusterError, findProgram, freePorts, Program } from './program.js';

const place = {
  name: 'redis-server',
  variable: 'REDIS_SERVER',
  folders: [],
  hint: 'apt-get install redis-server (macOS: brew install redis), or set REDIS_URL to a Redis of yours',
};

/** The Redis of the cluster: the one that `REDIS_URL` names, or else one that is started here and holds nothing. */
export class RedisStore {
  readonly isOurs: boolean;
  readonly #command: string | undefined;
  #url = process.env['REDIS_URL'] ?? '';
  #program: Program | undefined;

  /** @throws ClusterError if there is none */
  constructor() {
    this.isOurs = this.#url === '';
    if (this.isOurs) this.#command = findProgram(place);
  }

  get url(): string {
    return this.#url;
  }

  /** Without the password that the URL may have. */
  get address(): string {
    return URL.canParse(this.#url) ? new URL(this.#url).host : 'REDIS_URL';
  }

  /** @param folder where it may write */
  async start(folder: string): Promise<void> {
    if (this.#command === undefined) return;
    const [port] = await freePorts(1);
    const args = ['--bind', '127.0.0.1', '--port', String(port), '--dir', folder, '--save', ''];
    // Full memory must make writes fail, not remove what tasks have written.
    args.push('--maxmemory-policy', 'noeviction');
    this.#program = new Program(this.#command, args, { output: 'pipe' });
    this.#url = `redis://127.0.0.1:${port}`;
    await untilReady(this.#program);
  }

  async stop(): Promise<void> {
    await this.#program?.stop('SIGTERM');
  }
}

async function untilReady({ process: { stdout, stderr } }: Program): Promise<void> {
  const lines: string[] = [];
  for await (const line of stdout ? createInterface({ input: stdout }) : []) {
    lines.push(line);
    if (!line.includes('Ready to accept connections')) continue;
    // What it still says must not fill the pipes.
    stdout?.resume();
    stderr?.resume();
    return;
  }
  throw new ClusterError(`Redis did not start:\n${lines.join('\n')}`);
}

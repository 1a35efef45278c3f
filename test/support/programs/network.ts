import { afterAll, beforeAll, describe } from '@jest/globals';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { describeMissing } from './missing.js';
import { isRunning } from './processes.js';

/** How often the kernel of the server's side repeats what nobody acknowledges: three seconds in all, not a quarter of an hour. */
const retries = 3;
const prefix = 'streaming-';

export type Side = 'server' | 'client';

/**
 * Two network namespaces and a link between them, that can be cut so that neither side is told: no FIN, no reset, only
 * silence.
 */
export class Network {
  readonly address = '10.99.0.1';
  readonly #names: Readonly<Record<Side, string>>;
  readonly #children = new Set<ChildProcess>();

  constructor() {
    this.#names = { server: `${prefix}${process.pid}-s`, client: `${prefix}${process.pid}-c` };
  }

  open(): void {
    removeStale();
    const { server, client } = this.#names;
    ip('netns', 'add', server);
    ip('netns', 'add', client);
    ip('link', 'add', 'near', 'netns', server, 'type', 'veth', 'peer', 'name', 'far', 'netns', client);
    ip('-n', server, 'address', 'add', `${this.address}/24`, 'dev', 'near');
    ip('-n', client, 'address', 'add', '10.99.0.2/24', 'dev', 'far');
    for (const [name, device] of [
      [server, 'lo'],
      [server, 'near'],
      [client, 'lo'],
    ] as const) {
      ip('-n', name, 'link', 'set', device, 'up');
    }
    this.mend();
    ip('netns', 'exec', server, 'sh', '-c', `echo ${retries} >/proc/sys/net/ipv4/tcp_retries2`);
  }

  /** From now on nothing arrives, in either direction. */
  cut(): void {
    ip('-n', this.#names.client, 'link', 'set', 'far', 'down');
  }

  mend(): void {
    ip('-n', this.#names.client, 'link', 'set', 'far', 'up');
  }

  /** A process on one side. Stopped when the network is closed. */
  spawn(side: Side, command: string, args: readonly string[]): ChildProcess {
    const child = spawn('ip', ['netns', 'exec', this.#names[side], command, ...args], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#children.add(child);
    return child;
  }

  async close(): Promise<void> {
    for (const child of this.#children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    }
    for (const name of Object.values(this.#names)) ip('netns', 'delete', name);
  }
}

/** `describe` for what needs a network of its own, opened for the suite and removed after it. */
export function describeWithNetwork(name: string, fn: (network: Network) => void): void {
  const why = whyNot();
  if (why === undefined) {
    describe(name, () => {
      const network = new Network();
      beforeAll(() => network.open());
      afterAll(() => network.close());
      fn(network);
    });
    return;
  }
  describeMissing(
    name,
    `"${name}" needs network namespaces, so root on Linux and iproute2 (apt-get install iproute2): ${why}`,
  );
}

function whyNot(): string | undefined {
  const name = `${prefix}${process.pid}-try`;
  try {
    ip('netns', 'add', name);
    ip('netns', 'delete', name);
    return undefined;
  } catch (error) {
    const { stderr = '', message } = error as Error & { stderr?: string };
    return (stderr === '' ? message : stderr).trim();
  }
}

/** What a run left that was killed. */
function removeStale(): void {
  for (const [name, pid] of ip('netns', 'list').matchAll(new RegExp(`${prefix}([0-9]+)-[sc]`, 'g'))) {
    if (!isRunning(Number(pid))) ip('netns', 'delete', name);
  }
}

function ip(...args: string[]): string {
  return execFileSync('ip', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

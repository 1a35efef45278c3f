import { describe } from '@jest/globals';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { closeLater } from '../clients/open-clients.js';
import { eventually } from '../wait.js';
import { findExecutable } from './executable.js';
import { freePort } from './free-port.js';
import { describeMissing } from './missing.js';

/** Who it runs as when the tests run as root: nobody. */
const unprivileged = { uid: 65_534, gid: 65_534 };

export interface ProxyKind {
  readonly program: 'nginx' | 'haproxy';
  /** The version of HTTP in which it asks the application. */
  readonly speaks: '1.0' | '1.1';
  /** Names another place of the program. */
  readonly variable: string;
  /** The configuration that Debian's package brings. */
  readonly defaults: string;
  args(config: string): readonly string[];
  /** The defaults, with what it writes in a folder of its own, and one server. */
  configure(defaults: string, place: ProxyPlace): string;
}

interface ProxyPlace {
  readonly folder: string;
  readonly port: number;
  readonly upstream: number;
  /** How long it waits for the next bytes; the default is the distribution's: 60 s and 50 s. Milliseconds. */
  readonly timeout: number | undefined;
}

const nginx: ProxyKind = {
  program: 'nginx',
  speaks: '1.0',
  variable: 'NGINX_PATH',
  defaults: '/etc/nginx/nginx.conf',
  args: (config) => ['-c', config, '-g', 'daemon off;'],
  configure: (defaults, place) => nginxConfig(defaults, place, ''),
};

/** Each is what a user has who installs it and adds one server, and no more. */
const proxies: Readonly<Record<string, ProxyKind>> = {
  // Holds back what does not forbid it.
  nginx,
  'nginx with HTTP/1.1': {
    ...nginx,
    speaks: '1.1',
    configure: (defaults, place) =>
      nginxConfig(defaults, place, 'proxy_http_version 1.1; proxy_set_header Connection "";'),
  },
  HAProxy: {
    program: 'haproxy',
    speaks: '1.1',
    variable: 'HAPROXY_PATH',
    defaults: '/etc/haproxy/haproxy.cfg',
    args: (config) => ['-f', config, '-db'],
    configure: haproxyConfig,
  },
};

/** `describe` for what needs these proxies, called for each. */
export function describeBehindProxies(
  name: string,
  fn: (start: (upstream: number, timeout?: number) => Promise<Proxy>) => void,
): void {
  for (const [title, kind] of Object.entries(proxies)) {
    const program = findProgram(kind);
    if (program !== undefined) {
      describe(`${name} (${title})`, () => {
        fn((upstream, timeout) => Proxy.start(kind, program, upstream, timeout));
      });
      continue;
    }
    const hint = `"${name} (${title})" needs ${kind.program}: apt-get install ${kind.program}, or set ${kind.variable}`;
    describeMissing(name, hint);
  }
}

/** A proxy in front of a port, gone after the test with all that it wrote. */
export class Proxy {
  #process: ChildProcess | undefined;
  #said = '';

  private constructor(
    private readonly kind: ProxyKind,
    private readonly program: string,
    private readonly place: ProxyPlace,
  ) {}

  static async start(kind: ProxyKind, program: string, upstream: number, timeout?: number): Promise<Proxy> {
    const folder = mkdtempSync(join(tmpdir(), `${kind.program}-`));
    const proxy = new Proxy(kind, program, { folder, port: await freePort(), upstream, timeout });
    closeLater(async () => {
      await proxy.stop();
      rmSync(folder, { recursive: true, force: true });
    });
    writeFileSync(proxy.config, kind.configure(readFileSync(kind.defaults, 'utf8'), proxy.place));
    if (process.getuid?.() === 0) chownSync(folder, unprivileged.uid, unprivileged.gid);
    await proxy.run();
    return proxy;
  }

  get speaks(): ProxyKind['speaks'] {
    return this.kind.speaks;
  }

  /** The same URL, through the proxy. */
  url(url: string): string {
    const through = new URL(url);
    through.port = String(this.place.port);
    return through.href;
  }

  /** Every connection breaks; resolves when it accepts new ones. */
  async restart(): Promise<void> {
    await this.stop();
    await this.run();
  }

  private async run(): Promise<void> {
    const { kind, place } = this;
    const child = spawn(this.program, [...kind.args(this.config)], {
      cwd: place.folder,
      stdio: ['ignore', 'ignore', 'pipe'],
      ...(process.getuid?.() === 0 && unprivileged),
    });
    this.#process = child;
    child.stderr.on('data', (chunk: Buffer) => (this.#said += chunk.toString()));
    await eventually(async () => {
      if (!isAlive(child)) return;
      const socket = connect({ host: '127.0.0.1', port: place.port });
      await once(socket, 'connect');
      socket.destroy();
    });
    if (!isAlive(child)) throw new Error(`${kind.program} did not start:\n${this.#said}`);
  }

  private async stop(): Promise<void> {
    const child = this.#process;
    if (!child || !isAlive(child)) return;
    const exited = once(child, 'exit');
    // To both it means: now, whatever is open.
    child.kill('SIGTERM');
    await exited;
  }

  private get config(): string {
    return join(this.place.folder, 'proxy.conf');
  }
}

function isAlive({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode === null && signalCode === null;
}

function nginxConfig(
  defaults: string,
  { folder, port, upstream, timeout }: ProxyPlace,
  more: string,
): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'scgi', 'uwsgi'];
  const read = timeout === undefined ? '' : `proxy_read_timeout ${timeout}ms;`;
  const server = `
    ${temporary.map((name) => `${name}_temp_path ${folder}/${name};`).join(' ')}
    server {
      listen 127.0.0.1:${port};
      location / { proxy_pass http://127.0.0.1:${upstream}; ${more} ${read} }
    }`;
  return defaults
    .replace(/^\s*user .*$/m, '')
    .replace(/^\s*pid .*$/m, `pid ${folder}/nginx.pid;`)
    .replace(/^\s*error_log .*$/gm, 'error_log stderr;')
    .replace(/^\s*access_log .*$/gm, `access_log ${folder}/access.log;`)
    .replace(/^\s*include .*conf\.d.*$/m, server)
    .replace(/^\s*include .*sites-enabled.*$/m, '');
}

function haproxyConfig(defaults: string, { port, upstream, timeout }: ProxyPlace): string {
  const shortened = timeout === undefined ? '$&' : `$1${timeout}`;
  return `${defaults
    .replace(/^\s*(?:chroot|user|group|daemon|stats) ?.*$/gm, '')
    .replace(/^(\s*timeout (?:client|server) +)\d+$/gm, shortened)}
frontend tests
  bind 127.0.0.1:${port}
  default_backend application
backend application
  server application 127.0.0.1:${upstream}
`;
}

export function findProgram({
  program,
  variable,
}: Pick<ProxyKind, 'program' | 'variable'>): string | undefined {
  // Debian keeps servers where a user's PATH does not lead.
  return findExecutable(variable, [program], ['/usr/sbin', '/usr/local/sbin']);
}

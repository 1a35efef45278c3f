import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStream, type SseStream } from '../support/sse.js';
import { deferred, withTimeout } from '../support/wait.js';

const main = join(import.meta.dirname, '../../sample/01-quick-start/dist/main.js');

export interface ExitStatus {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Answer<Body> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Body;
}

/** The built quick start as a process of its own, with a data directory of its own. */
export class QuickStart implements AsyncDisposable {
  /** What it has printed so far. */
  output = '';

  private constructor(
    /** As it was printed. */
    public url: string,
    readonly dataDirectory: string,
    private readonly child: ReturnType<typeof spawn>,
    private readonly exit: Promise<ExitStatus>,
  ) {}

  /**
   * @param port default: a free one
   * @param dataDirectory default: a new one, removed with the process
   */
  static async start(port = 0, dataDirectory?: string): Promise<QuickStart> {
    if (!existsSync(main))
      throw new Error('The quick start is not built: npm run build && npm run build:sample');
    const directory = dataDirectory ?? (await mkdtemp(join(tmpdir(), 'quick-start-')));
    const child = spawn(process.execPath, [main], {
      env: { ...process.env, PORT: String(port), DATA_DIR: directory, NO_COLOR: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const exited = deferred<ExitStatus>();
    child.once('exit', (code, signal) => exited.resolve({ code, signal }));
    const exit = exited.promise;
    const quickStart = new QuickStart('', directory, child, exit);
    const printed = deferred<string>();
    const read = (chunk: Buffer): void => {
      quickStart.output += chunk.toString();
      const [, url] = /runs at +(\S+)\s/.exec(quickStart.output) ?? [];
      if (url !== undefined) printed.resolve(url);
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    const ended = exit.then(({ code }) => {
      throw new Error(`It ended with code ${code}`);
    });
    try {
      quickStart.url = await withTimeout(
        Promise.race([printed.promise, ended]),
        20_000,
        'the address of the quick start',
      );
    } catch (error) {
      await quickStart[Symbol.asyncDispose]();
      throw new Error(`The quick start did not start. ${String(error)}\n${quickStart.output}`, {
        cause: error,
      });
    }
    ended.catch(() => undefined);
    return quickStart;
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  /** Sends a signal and waits until the process has ended by itself. */
  async stop(signal: NodeJS.Signals = 'SIGTERM', timeout = 10_000): Promise<ExitStatus> {
    this.child.kill(signal);
    return withTimeout(this.exit, timeout, () => `the exit after ${signal}:\n${this.output}`);
  }

  async request<Body = Record<string, unknown>>(
    method: string,
    path: string,
    body?: object,
  ): Promise<Answer<Body>> {
    const response = await fetch(this.url + path, {
      method,
      ...(body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: (text && JSON.parse(text)) as Body };
  }

  /** Starts a task and returns its path. */
  async task(name: string, input: object): Promise<string> {
    const { status, headers, body } = await this.request('POST', `/stream/app/${name}`, input);
    const location = headers.get('location');
    if (status !== 201 || location === null)
      throw new Error(`${name} did not start: ${JSON.stringify(body)}`);
    return location;
  }

  watch(path: string, timeout?: number): Promise<SseStream> {
    return openStream(this.url + path, timeout === undefined ? {} : { timeout });
  }

  /** The files in the data directory, whole and partial. */
  async files(): Promise<string[]> {
    return (await readdir(this.dataDirectory)).toSorted();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) await this.stop('SIGKILL');
    await rm(this.dataDirectory, { recursive: true, force: true });
  }
}

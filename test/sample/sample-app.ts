import { afterAll } from '@jest/globals';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStream, type SseEvent, type SseStream } from '../support/clients/sse.js';
import { deferred, patience, withTimeout } from '../support/wait.js';

export interface ExitStatus {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Answer<Body> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Body;
}

export interface SampleOptions {
  /** Default: a free one. */
  readonly port?: number;
  /** Default: a new one, removed with the process. */
  readonly dataDirectory?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly args?: readonly string[];
  /** Started once for many tests, in `beforeAll`: ended after the last one. */
  readonly shared?: boolean;
}

const shared: SampleApp[] = [];

afterAll(async () => {
  await Promise.all(shared.splice(0).map((app) => app[Symbol.asyncDispose]()));
});

/** A built sample as a process of its own, with a data directory of its own. */
export class SampleApp implements AsyncDisposable {
  /** What it has printed so far. */
  output = '';
  /** As it was printed. */
  url = '';
  /** Settles when the process has ended. */
  readonly exit: Promise<ExitStatus>;
  readonly #child;

  private constructor(
    main: string,
    readonly dataDirectory: string,
    { port = 0, env = {}, args = [] }: SampleOptions,
  ) {
    const own = { PORT: String(port), DATA_DIR: dataDirectory, NO_COLOR: '1' };
    this.#child = spawn(process.execPath, [main, ...args], {
      env: { ...process.env, ...own, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const exited = deferred<ExitStatus>();
    this.#child.once('close', (code, signal) => exited.resolve({ code, signal }));
    this.exit = exited.promise;
    const read = (chunk: Buffer): void => {
      this.output += chunk.toString();
    };
    this.#child.stdout.on('data', read);
    this.#child.stderr.on('data', read);
  }

  /** Starts a sample that prints where it runs, and waits until it has. */
  static async start(sample: string, options: SampleOptions = {}): Promise<SampleApp> {
    const app = await SampleApp.run(sample, options);
    const printed = deferred<string>();
    const look = (): void => {
      const [, url] = / runs at +(\S+)\s/.exec(app.output) ?? [];
      if (url !== undefined) printed.resolve(url);
    };
    app.#child.stdout.on('data', look);
    const ended = app.exit.then(({ code }) => {
      throw new Error(`It ended with code ${code}`);
    });
    try {
      app.url = await withTimeout(
        Promise.race([printed.promise, ended]),
        20_000,
        'the address of the sample',
      );
    } catch (error) {
      await app[Symbol.asyncDispose]();
      throw new Error(`The sample ${sample} did not start. ${String(error)}\n${app.output}`, {
        cause: error,
      });
    }
    ended.catch(() => undefined);
    if (options.shared) shared.push(app);
    return app;
  }

  /** Starts a sample, whatever it does. */
  static async run(sample: string, options: SampleOptions = {}): Promise<SampleApp> {
    const main = join(import.meta.dirname, '../../sample', sample, 'dist/main.js');
    if (!existsSync(main))
      throw new Error(`The sample ${sample} is not built: npm run build && npm run build:sample`);
    const directory = options.dataDirectory ?? (await mkdtemp(join(tmpdir(), `${sample}-`)));
    return new SampleApp(main, directory, options);
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  /** Sends a signal and waits until the process has ended by itself. */
  async stop(signal: NodeJS.Signals = 'SIGTERM', timeout = patience): Promise<ExitStatus> {
    this.#child.kill(signal);
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

  /** Runs a task to its end and gives its last event. */
  async runTask(name: string, input: object): Promise<Pick<SseEvent, 'type' | 'data'>> {
    await using stream = await this.watch(await this.task(name, input));
    const ended = await stream.ended;
    const last = stream.events.at(-1);
    if (ended !== 'complete' || !last) throw new Error(`The stream of ${name} ended as ${ended}`);
    return { type: last.type, data: last.data };
  }

  watch(path: string, timeout?: number): Promise<SseStream> {
    return openStream(this.url + path, timeout === undefined ? {} : { timeout });
  }

  /** The files in the data directory, whole and partial. */
  async files(): Promise<string[]> {
    return (await readdir(this.dataDirectory)).toSorted();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await this.stop('SIGKILL');
    await rm(this.dataDirectory, { recursive: true, force: true });
  }
}

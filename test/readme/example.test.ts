import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { runInNewContext } from 'node:vm';
import { EventSource } from 'eventsource';
import { openStream } from '../support/clients/sse.js';
import { deferred, eventually, withTimeout } from '../support/wait.js';
import { commandsOf, hasCurl, parseCurl, runCurl } from './curl.js';
import { readme } from './documents.js';
import { ScratchFolder } from './sources.js';

const PATH = '/stream/app/CountTask/demo';

/** The complete example as an application of its own: a process with the package in its node_modules. */
describe('the complete example of the README', () => {
  const scratch = new ScratchFolder();
  const [start = '', watch = '', cancel = ''] = commandsOf(readme.block('sh', 'example').text);
  let main: string;
  let app: ChildProcess;
  let output = '';
  let port: number;

  beforeAll(() => {
    scratch.installPackage();
    main = scratch.compile('main.ts', readme.block('file', 'main.ts').text);
  }, 30_000);

  afterAll(() => scratch[Symbol.dispose]());

  async function startExample(): Promise<void> {
    port = await freePort();
    output = '';
    app = spawn(process.execPath, [main], { env: { ...process.env, PORT: String(port), NO_COLOR: '1' } });
    app.stdout?.setEncoding('utf8').on('data', (text: string) => (output += text));
    app.stderr?.setEncoding('utf8').on('data', (text: string) => (output += text));
    await eventually(
      () => {
        if (app.exitCode !== null) throw new Error(output);
        return output.includes('successfully started') && isListening(port);
      },
      { timeout: 20_000 },
    );
  }

  afterEach(async () => {
    if (app.exitCode !== null || app.signalCode !== null) return;
    const closed = once(app, 'close');
    app.kill('SIGKILL');
    await closed;
  });

  test.each(['curl', 'node'])(
    'is started, watched and cancelled by its commands, sent by %s',
    async (client) => {
      if (client === 'curl' && !(await hasCurl())) return;
      await startExample();
      const run = (command: string): Promise<string> => runCurl(command, port, client === 'curl');
      expect(JSON.parse(await run(start))).toMatchObject({
        app: 'app',
        name: 'CountTask',
        id: 'demo',
        status: 'pending',
      });
      const watched = run(watch);
      const other = await openStream(`http://127.0.0.1:${port}${PATH}`);
      await other.next(({ data }) => (data as { message?: string }).message === 'counted to 2');
      expect(JSON.parse(await run(cancel))).toEqual({ cancelled: true, status: 'cancelling' });
      // Nest's own first line is blank.
      expect(wireOf(await watched)).toBe(wireOf(`\n${readme.block('wire', 'example').text}\n`));
      expect(await other.ended).toBe('complete');
      const again = await openStream(`http://127.0.0.1:${port}${PATH}`, {
        headers: { 'last-event-id': other.lastEventId ?? '' },
      });
      expect(again.status).toBe(204);
      await again.ended;
    },
    40_000,
  );

  test('is watched by its page, to the end', async () => {
    await startExample();
    const said: unknown[][] = [];
    const over = deferred();
    const { headers } = parseCurl(start);
    await fetch(`http://127.0.0.1:${port}${PATH}`, { method: 'PUT', headers, body: '{"to":2}' });
    runInNewContext(readme.block('js', 'browser').text, {
      EventSource: function (path: string) {
        return new EventSource(`http://127.0.0.1:${port}${path}`);
      },
      JSON,
      console: {
        log: (...words: unknown[]) => {
          said.push(words);
          if (words[0] === 'completed') over.resolve();
        },
      },
    });
    await withTimeout(over.promise, 10_000, 'the end of the task');
    expect(said).toEqual([['counted to 1'], ['counted to 2'], ['completed', { finalValue: { counted: 2 } }]]);
  }, 40_000);

  test('cancels what runs on SIGTERM, tells its watchers, and ends by itself', async () => {
    await startExample();
    await runCurl(start, port, false);
    const stream = await openStream(`http://127.0.0.1:${port}${PATH}`);
    await stream.next('progress');
    const closed = once(app, 'close');
    app.kill('SIGTERM');
    expect(await stream.next('cancelled')).toMatchObject({ data: { reason: 'shutdown' } });
    expect(await stream.ended).toBe('complete');
    await withTimeout(closed, 5_000, () => `the end of the process; it said:\n${output}`);
  }, 40_000);
});

/** With every epoch the same. */
function wireOf(text: string): string {
  return text.replaceAll(/^id: [a-z0-9]+-/gm, 'id: epoch-');
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => {
    server.close(resolve);
  });
  return port;
}

async function isListening(port: number): Promise<boolean> {
  return fetch(`http://127.0.0.1:${port}/`).then(
    () => true,
    () => false,
  );
}

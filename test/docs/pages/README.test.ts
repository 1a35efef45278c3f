import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { runInNewContext } from 'node:vm';
import { EventSource } from 'eventsource';
import { openStream } from '../../support/clients/sse.js';
import { eventually, withTimeout } from '../../support/wait.js';
import { commandsOf, hasCurl, parseCurl, runCurl } from '../support/curl.js';
import { page } from '../support/documents.js';
import { ScratchFolder } from '../support/sources.js';

const readme = page('README');
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

  async function startExample(on?: number): Promise<void> {
    port = on ?? (await freePort());
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
      expect(wireOf(await watched)).toBe(wireOf(`\n${page('wire-format').block('wire', 'example').text}\n`));
      expect(await other.ended).toBe('complete');
      const again = await openStream(`http://127.0.0.1:${port}${PATH}`, {
        headers: { 'last-event-id': other.lastEventId ?? '' },
      });
      expect(again.status).toBe(204);
      await again.ended;
    },
    40_000,
  );

  /** Runs the script of the page. What it shows is recorded. */
  function openPage(on = port, timer: typeof setTimeout = setTimeout): string[] {
    const shown: string[] = [];
    const origin = `http://127.0.0.1:${on}`;
    runInNewContext(readme.block('js', 'page').text, {
      EventSource: Object.assign(
        function (path: string) {
          return new EventSource(origin + path);
        },
        { CLOSED: EventSource.CLOSED },
      ),
      fetch: (path: string) => fetch(origin + path),
      setTimeout: timer,
      document: {
        querySelector: (selector: string) => {
          expect(selector).toBe('#task');
          return {
            set textContent(text: string) {
              shown.push(text);
            },
          };
        },
      },
    });
    return shown;
  }

  test('is watched by its page, to the end', async () => {
    await startExample();
    const { headers } = parseCurl(start);
    await fetch(`http://127.0.0.1:${port}${PATH}`, { method: 'PUT', headers, body: '{"to":2}' });
    const shown = openPage();
    await eventually(() => expect(shown.at(-1)).toBe('completed'));
    expect(shown).toEqual(['counted to 1', 'counted to 2', 'completed']);
  }, 40_000);

  test('is gone for its page after a restart, and the page says so', async () => {
    await startExample();
    await runCurl(start, port, false);
    const shown = openPage();
    await eventually(() => expect(shown).toContain('counted to 1'));
    const closed = once(app, 'close');
    app.kill('SIGKILL');
    await closed;
    await eventually(() => expect(shown.at(-1)).toBe('Connection lost. Reconnecting …'));
    await startExample(port);
    await eventually(
      () => expect(shown.at(-1)).toBe('This task is gone: it expired, or the server was restarted.'),
      { timeout: 10_000 },
    );
  }, 60_000);

  test('its page says that the session has ended, and comes back after a proxy that answers 502', async () => {
    let status = 401;
    const paths: string[] = [];
    const proxy = createHttpServer(({ url = '' }, response) => {
      paths.push(url);
      response.writeHead(status).end();
    });
    await new Promise<void>((resolve) => void proxy.listen(0, '127.0.0.1', resolve));
    const { port: at } = proxy.address() as AddressInfo;
    try {
      const signedOut = openPage(at);
      await eventually(() => expect(signedOut).toEqual(['Please sign in again.']));
      status = 502;
      paths.splice(0);
      const soon = ((callback: (...given: unknown[]) => void, ms: number, ...given: unknown[]) =>
        setTimeout(callback, ms / 100, ...given)) as typeof setTimeout;
      const waiting = openPage(at, soon);
      await eventually(() => expect(paths.filter((path) => path === PATH).length).toBeGreaterThan(1));
      expect(waiting).toEqual([]);
      status = 404; // without which it would go on for ever
      await eventually(() => expect(waiting).toHaveLength(1));
    } finally {
      proxy.closeAllConnections();
      await new Promise((resolve) => void proxy.close(resolve));
    }
  });

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

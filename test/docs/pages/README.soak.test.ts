import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer as createHttpServer, type Server, type ServerResponse } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { runInNewContext } from 'node:vm';
import { EventSource } from 'eventsource';
import { openStream } from '../../support/clients/sse.js';
import { eventually, patience, withTimeout } from '../../support/wait.js';
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
  });

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
  );

  interface OpenPage {
    /** What it shows, and has shown. */
    readonly shown: string[];
    signIn(): void;
    stop(): void;
  }

  /** Runs the function for pages with an `EventSource`. */
  function openPage(on = port, timer: typeof setTimeout = setTimeout): OpenPage {
    const shown: string[] = [];
    const button = { onclick: (): void => undefined };
    const origin = `http://127.0.0.1:${on}`;
    const context = {
      EventSource: Object.assign(
        function (path: string) {
          return new EventSource(origin + path);
        },
        { CLOSED: EventSource.CLOSED },
      ),
      fetch: (path: string) => fetch(origin + path),
      setTimeout: timer,
      clearTimeout,
      document: {
        querySelector: (selector: string) => {
          if (selector === '#sign-in') return button;
          expect(selector).toBe('#task');
          return {
            set textContent(text: string) {
              shown.push(text);
            },
          };
        },
      },
    };
    const stop = runInNewContext(
      `${page('browser').block('js', 'event-source').text}\nstopWatching;`,
      context,
    ) as () => void;
    return { shown, stop, signIn: () => button.onclick() };
  }

  describe('in a page with the client', () => {
    interface ClientPage {
      readonly shown: string[];
      readonly stop: { onclick(): void };
      /** When its script has ended. */
      readonly ended: Promise<unknown>;
    }

    /** Runs the script of the page. */
    function openClientPage(): ClientPage {
      const shown: string[] = [];
      const stop = { onclick: (): void => undefined };
      const task = {
        set textContent(text: string) {
          shown.push(text);
        },
      };
      const document = { querySelector: (selector: string) => (selector === '#stop' ? stop : task) };
      Object.assign(globalThis, { document, location: { href: `http://127.0.0.1:${port}/index.html` } });
      const ended = import(scratch.write(`page-${port}.js`, readme.block('js', 'page').text));
      return { shown, stop, ended };
    }

    afterEach(() => {
      for (const name of ['document', 'location']) Reflect.deleteProperty(globalThis, name);
    });

    const startTask = (to: number): Promise<Response> =>
      fetch(`http://127.0.0.1:${port}${PATH}`, {
        method: 'PUT',
        headers: parseCurl(start).headers,
        body: JSON.stringify({ to }),
      });

    test('is watched to the end', async () => {
      await startExample();
      await startTask(2);
      const { shown, ended } = openClientPage();
      await ended;
      expect(shown).toEqual(['counted to 1', 'counted to 2', 'Counted to 2.']);
    });

    test('is cancelled by its button', async () => {
      await startExample();
      await startTask(50);
      const { shown, stop, ended } = openClientPage();
      await eventually(() => expect(shown).toContain('counted to 1'));
      stop.onclick();
      await ended;
      expect(shown.at(-1)).toBe('cancelled');
    });

    test('is gone after a restart, and the page says so', async () => {
      await startExample();
      await startTask(50);
      const { shown, ended } = openClientPage();
      await eventually(() => expect(shown).toContain('counted to 1'));
      const closed = once(app, 'close');
      app.kill('SIGKILL');
      await closed;
      await eventually(() => expect(shown).toContain('Connection lost. Reconnecting …'));
      await startExample(port);
      await ended;
      expect(shown.at(-1)).toMatch(/^There is no task app\/CountTask\/demo/);
    });
  });

  test('is watched by a page with an EventSource, to the end', async () => {
    await startExample();
    const { headers } = parseCurl(start);
    await fetch(`http://127.0.0.1:${port}${PATH}`, { method: 'PUT', headers, body: '{"to":2}' });
    const { shown } = openPage();
    await eventually(() => expect(shown.at(-1)).toBe('completed'));
    expect(shown).toEqual(['Connected.', 'counted to 1', 'counted to 2', 'completed']);
  });

  test('is gone for a page with an EventSource after a restart, and the page says so', async () => {
    await startExample();
    await runCurl(start, port, false);
    const { shown } = openPage();
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
  });

  describe('a page with an EventSource, and a server that refuses', () => {
    let status: number;
    let paths: string[];
    let server: Server;
    let at: number;
    const open = new Set<ServerResponse>();
    const soon = ((callback: (...given: unknown[]) => void, ms: number, ...given: unknown[]) =>
      setTimeout(callback, ms / 100, ...given)) as typeof setTimeout;

    beforeEach(async () => {
      paths = [];
      server = createHttpServer(({ url = '', headers }, response) => {
        paths.push(url);
        response.writeHead(status, { 'content-type': 'text/event-stream' });
        if (status !== 200) {
          response.end();
          return;
        }
        const seq = Number(/-(\d+)$/.exec(url)?.[1] ?? 0) + 1;
        response.write('retry: 10\n');
        // To a client that comes back by itself there is nothing new to say.
        if (headers['last-event-id'] === undefined) {
          response.write(`event: progress\ndata: {"message":"step ${seq}"}\nid: epoch-${seq}\n\n`);
        }
        open.add(response);
      });
      await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
      at = (server.address() as AddressInfo).port;
    });

    afterEach(async () => {
      open.clear();
      server.closeAllConnections();
      await new Promise((resolve) => void server.close(resolve));
    });

    test('goes on behind the last event after a new sign-in', async () => {
      status = 200;
      const { shown, signIn, stop } = openPage(at);
      await eventually(() => expect(shown).toEqual(['Connected.', 'step 1']));
      status = 401;
      for (const response of open) response.end();
      await eventually(() => expect(shown.at(-1)).toBe('Please sign in again.'));
      status = 200;
      signIn();
      await eventually(() => expect(shown.slice(-2)).toEqual(['step 1', 'step 2']));
      expect(paths.at(-1)).toBe(`${PATH}?lastEventId=epoch-1`);
      stop();
    });

    test('shows what it showed before when the connection is back, though the task says nothing', async () => {
      status = 200;
      const { shown, stop } = openPage(at);
      await eventually(() => expect(shown.at(-1)).toBe('step 1'));
      for (const response of open) response.end();
      await eventually(() =>
        expect(shown.slice(2, 4)).toEqual(['Connection lost. Reconnecting …', 'step 1']),
      );
      stop();
    });

    test.each([
      [403, 'You may not watch this task.'],
      [404, 'This task is gone: it expired, or the server was restarted.'],
    ])('says what %i means', async (answered, text) => {
      status = answered;
      const { shown } = openPage(at);
      await eventually(() => expect(shown).toEqual([text]));
    });

    test('comes back after a proxy that answers 502, until it is stopped', async () => {
      status = 502;
      const { shown, stop } = openPage(at, soon);
      await eventually(() => expect(paths.filter((path) => path === PATH).length).toBeGreaterThan(1));
      expect(shown).toEqual([]);
      stop();
      const before = paths.length;
      await new Promise((resolve) => setTimeout(resolve, 200)); // more than the wait before it comes back
      expect(paths.length - before).toBeLessThanOrEqual(2); // what was under way
    });

    test('stopped in the middle of a stream, it closes it and asks no more', async () => {
      status = 200;
      const { shown, stop } = openPage(at);
      await eventually(() => expect(shown.at(-1)).toBe('step 1'));
      const closed = Promise.all([...open].map((response) => once(response, 'close')));
      stop();
      await withTimeout(closed, patience, 'the end of the stream');
      expect(paths).toEqual([PATH]);
    });
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
    await withTimeout(closed, patience, () => `the end of the process; it said:\n${output}`);
  });
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

import { afterAll, describe, expect, it } from '@jest/globals';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { describeWithChromium } from '../../../support/browsers/chromium.js';
import { createClientApp, SharedBrowser } from '../../../support/real-clients/browser-clients.js';
import { openCurls } from '../../../support/real-clients/curl-clients.js';
import {
  type ClientGroup,
  openEventSources,
  openParsers,
  type OpenClients,
  type Seen,
} from '../../../support/real-clients/stream-clients.js';
import { eventually } from '../../../support/wait.js';
import {
  type Adapter,
  adapters,
  createTaskApp,
  type Puppet,
  PuppetTask,
  type TaskApp,
} from '../../../support/watching.js';

const id = 'same';
/** What clients are told to wait, in milliseconds: nobody comes back to an application that is still closing … */
const afterClose = 2_000;
/** … and all of them to a port where nobody listens yet. */
const afterDeath = 10;

/** Types, and the numbers of those that are counted. */
function told(seen: readonly Seen[]): string[] {
  return seen.map(({ type, data }) => (type === 'n' ? `n ${data}` : type));
}

/** An application whose port the next one takes, and the clients of its task. */
class Restart {
  private readonly task = new PuppetTask();
  private readonly sockets = new Set<Socket>();
  /** What the two processes were asked and have answered: without it nobody could say why a client has not come back. */
  private readonly answers: string[] = [];
  private first!: TaskApp;
  private port = 0;
  clients!: ClientGroup;

  constructor(private readonly adapter: Adapter) {}

  /** The first process sends three events, and three clients have them. */
  async begin(open: OpenClients, retry: number): Promise<void> {
    [, this.first] = await createClientApp(this.adapter, { retry }, this.task);
    this.port = this.first.port;
    (this.first.app.getHttpServer() as Server).on('connection', (socket: Socket) => {
      this.sockets.add(socket);
      socket.once('close', () => this.sockets.delete(socket));
    });
    this.record(this.first, 'first');
    const puppet = await this.task.start(this.first, { id });
    puppet.count(3);
    this.clients = await open([1, 2, 3].map((client) => `${puppet.url}?client=${client}`));
    await this.until(['started', 'n 1', 'n 2', 'n 3']);
  }

  close(): Promise<void> {
    return this.first.app.close();
  }

  /** What is seen of a process that is killed: its port is closed and its connections break, without a last word. */
  async die(): Promise<void> {
    const closed = new Promise((resolve) => {
      (this.first.app.getHttpServer() as Server).close(resolve);
    });
    for (const socket of this.sockets) socket.resetAndDestroy();
    await closed;
  }

  /** The next process, which knows the task or does not. */
  async next(knowsTask: boolean): Promise<Puppet | undefined> {
    const second = await createTaskApp({
      adapter: this.adapter,
      tasks: [this.task.type],
      listen: false,
      options: { http: { retry: 1 } },
    });
    const puppet = knowsTask ? await this.task.start(second, { id }) : undefined;
    puppet?.count(2);
    this.record(second, 'second');
    await second.app.listen(this.port, '127.0.0.1');
    return puppet;
  }

  /** Each client has seen this, and nothing else. */
  async until(expected: readonly string[]): Promise<void> {
    try {
      await eventually(
        async () => expect((await this.clients.seen()).map(told)).toEqual([expected, expected, expected]),
        { timeout: 15_000 },
      );
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${this.answers.join('\n')}`, { cause: error });
    }
  }

  private record({ app }: TaskApp, name: string): void {
    const note = (what: string): unknown =>
      this.answers.push(`${Math.round(performance.now())} ms, ${name}: ${what}`);
    (app.getHttpServer() as Server)
      .on('connection', (socket: Socket) => {
        note(`connection from ${socket.remotePort}`);
        socket.once('close', () => note(`${socket.remotePort} is gone, after ${socket.bytesRead} bytes`));
      })
      .on('request', ({ url, socket, headers }: IncomingMessage, response: ServerResponse) => {
        note(`${url} from ${socket.remotePort}, behind ${String(headers['last-event-id'])}`);
        response.once('close', () => note(`${url} was answered ${response.statusCode}`));
      })
      .once('close', () => note('is closed'));
  }
}

interface Kind {
  readonly name: string;
  open(): OpenClients;
  /** It closes itself at the terminal event, as docs/browser.md has it. */
  readonly endsItself?: boolean;
}

function behaves(adapter: Adapter, { open, endsItself = false }: Kind): void {
  const first = ['started', 'n 1', 'n 2', 'n 3'];
  const second = ['gap', 'started', 'n 1', 'n 2'];

  it('S56 sees the end of a task that a shutdown cancels, and then the task that runs anew', async () => {
    const restart = new Restart(adapter);
    await restart.begin(open(), afterClose);
    await restart.close();
    await restart.until([...first, 'cancelled']);
    for (const [, , , , cancelled] of await restart.clients.seen()) {
      expect(JSON.parse(cancelled?.data ?? '')).toEqual({
        message: 'Task was cancelled',
        reason: 'shutdown',
      });
    }
    const puppet = await restart.next(true);
    if (!endsItself) await restart.until([...first, 'cancelled', ...second]);
    await puppet?.end();
    await restart.clients.stopped();
    await restart.until([...first, 'cancelled', ...(endsItself ? [] : [...second, 'completed'])]);
  });

  it('S56 sees a gap and the task that runs anew after a process that died', async () => {
    const restart = new Restart(adapter);
    await restart.begin(open(), afterDeath);
    await restart.die();
    const puppet = await restart.next(true);
    await restart.until([...first, ...second]);
    for (const seen of await restart.clients.seen()) {
      expect(JSON.parse(seen[4]?.data ?? '')).toMatchObject({ cause: 'restarted', missed: null });
    }
    await puppet?.end();
    await restart.clients.stopped();
    await restart.until([...first, ...second, 'completed']);
  });

  it('S40 S56 stops where the task is unknown after a process that died', async () => {
    const restart = new Restart(adapter);
    await restart.begin(open(), afterDeath);
    await restart.die();
    await restart.next(false);
    await restart.clients.stopped();
    await restart.until(first);
  });
}

describe.each(adapters)('clients of a server that is restarted (%s)', (adapter) => {
  const kinds: readonly Kind[] = [
    { name: 'eventsource', open: () => openEventSources },
    { name: 'eventsource-parser', open: () => openParsers },
    { name: 'curl', open: () => openCurls },
  ];
  describe.each(kinds)('$name', (kind) => behaves(adapter, kind));
});

describeWithChromium('clients of a server that is restarted (Chromium)', (executablePath) => {
  const browser = new SharedBrowser(executablePath);
  afterAll(() => browser.close());

  describe.each(adapters)('%s', (adapter) => {
    const kinds: readonly Kind[] = [
      { name: 'EventSource', open: () => browser.clients('EventSource') },
      {
        name: 'fetch-event-source',
        open: () => browser.clients('fetch-event-source'),
        endsItself: true,
      },
    ];
    describe.each(kinds)('$name', (kind) => behaves(adapter, kind));
  });
});

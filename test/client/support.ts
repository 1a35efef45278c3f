import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { StreamingModuleOptions } from 'nestjs-streaming';
import {
  createStreamingClient,
  type RunEvent,
  type StreamingClient,
  type StreamingClientOptions,
  type TaskRun,
} from 'nestjs-streaming/client';
import { closeLater, createTaskApp, type PuppetTask, type TaskApp } from '../support/watching.js';

/** Comes back soon, so that no test waits. */
export const soon = { min: 5, max: 20 };

export function clientOf(
  server: { readonly url: string },
  options: Partial<StreamingClientOptions> = {},
): StreamingClient {
  return createStreamingClient({ baseUrl: server.url, retry: soon, ...options });
}

/** An application whose tasks can be started and listed by everybody. */
export async function serve(
  task: PuppetTask,
  options: StreamingModuleOptions = {},
): Promise<TaskApp & { readonly asked: string[] }> {
  const http = { start: true, list: true, retry: 1, heartbeat: 20, ...options.http };
  /** The streams that were asked for: their path and query. */
  const asked: string[] = [];
  const app = await createTaskApp({
    tasks: [task.type],
    options: { ...options, http },
    // When a stream is left, fetch opens a connection that it does not use.
    forceCloseConnections: true,
    configure: (nest) =>
      nest.use(({ url, headers }: IncomingMessage, _: unknown, next: () => void) => {
        if (headers.accept === 'text/event-stream') asked.push(url ?? '');
        next();
      }),
  });
  return Object.assign(app, { asked });
}

export async function readAll(run: AsyncIterable<RunEvent>): Promise<RunEvent[]> {
  const events: RunEvent[] = [];
  for await (const event of run) events.push(event);
  return events;
}

export function typesOf(events: readonly RunEvent[]): string[] {
  return events.map(({ type }) => type);
}

/** What a promise rejects with. */
export async function rejectionOf(promise: PromiseLike<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('It did not reject');
}

export interface Asked {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  /** When it came, by the monotonic clock. */
  readonly at: number;
}

export type Script = (response: ServerResponse, asked: Asked) => unknown;

/** A server that answers as the test says. The last script answers all further requests too. */
export class ScriptedServer {
  readonly asked: Asked[] = [];
  private constructor(readonly origin: string) {}

  get url(): string {
    return `${this.origin}/stream`;
  }

  /** Closed after the test. */
  static async open(...scripts: readonly Script[]): Promise<ScriptedServer> {
    let scripted: ScriptedServer | undefined;
    const server = createServer((request, response) => {
      void (async () => {
        let body = '';
        for await (const chunk of request) body += String(chunk);
        const { method = '', url = '', headers } = request;
        const asked = { method, url, headers, body, at: performance.now() };
        const count = scripted?.asked.push(asked) ?? 1;
        scripts[Math.min(count, scripts.length) - 1]?.(response, asked);
      })();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    closeLater(async () => {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    });
    scripted = new ScriptedServer(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    return scripted;
  }
}

/** Answers with JSON. */
export function json(status: number, body: unknown, headers: Record<string, string> = {}): Script {
  return (response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
  };
}

/** An error as Nest writes it. */
export function refusal(status: number, code: string, headers: Record<string, string> = {}): Script {
  return json(status, { statusCode: status, message: `refused by ${code}`, code }, headers);
}

/** Answers with a page, as a proxy does. */
export function html(status = 200): Script {
  return (response) => {
    response.writeHead(status, { 'content-type': 'text/html' }).end('<!doctype html><p>Sign in');
  };
}

/** Answers with a stream in these pieces, and ends it unless the last one is to stay open. */
export function stream(...pieces: readonly (string | Buffer)[]): Script {
  return (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    void (async () => {
      for (const piece of pieces) {
        if (piece === OPEN) return;
        await new Promise((resolve) => {
          response.write(piece, resolve);
        });
        await new Promise(setImmediate);
      }
      response.end();
    })();
  };
}

/** Behind the last piece of a stream: it stays open. */
export const OPEN = 'open';

/** Closes the connection without an answer. */
export const lose: Script = (response) => {
  response.socket?.resetAndDestroy();
};

/** Never answers. */
export const hang: Script = () => undefined;

export const noContent: Script = (response) => {
  response.writeHead(204).end();
};

/** One event as the server writes it. */
export function frame(id: string, type: string, data: unknown): string {
  return `event: ${type}\ndata: ${JSON.stringify(data)}\nid: ${id}\n\n`;
}

export const completed = (seq: number, finalValue: unknown = null): string =>
  frame(`epoch-${seq}`, 'completed', { finalValue });

/** A run of a server that knows no task. */
export function runOf(server: ScriptedServer, options: Partial<StreamingClientOptions> = {}): TaskRun {
  return clientOf(server, options).task('app', 'Task').attach('one');
}

export function snapshot(more: object = {}): object {
  return {
    app: 'app',
    name: 'Task',
    id: 'one',
    status: 'running',
    attempt: 1,
    createdAt: '2026-01-01T00:00:00.000Z',
    startedAt: '2026-01-01T00:00:00.000Z',
    endedAt: null,
    progress: null,
    finalValue: null,
    error: null,
    cancellation: null,
    lastEventId: null,
    watchers: 0,
    ...more,
  };
}

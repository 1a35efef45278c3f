import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { type CancelScope, runScope } from 'nestjs-streaming';
import { htmlOf, kindOf, pageAt } from './site-pages.js';

/** What the server of the site sees. */
export interface SiteStatus {
  readonly url: string;
  /** Open now. */
  readonly connections: number;
  /** Asked for, and not answered yet. */
  readonly requests: number;
  /** The most requests at once so far. */
  readonly mostRequests: number;
}

/** The site that is crawled: a server of its own, which knows nothing of tasks. */
@Injectable()
export class Site implements OnModuleInit, OnApplicationShutdown {
  /** A moment, in milliseconds. */
  readonly #latency = Number(process.env['SITE_LATENCY'] ?? 400);
  readonly #server = createServer((request, response) => void this.#serve(request, response));
  readonly #connections = new Set<Socket>();
  /** Who was sent away by which flaky page, until they have come again. */
  readonly #sentAway = new Set<string>();
  #requests = 0;
  #mostRequests = 0;

  async onModuleInit(): Promise<void> {
    this.#server.on('connection', (socket) => {
      this.#connections.add(socket);
      socket.once('close', () => this.#connections.delete(socket));
    });
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  async onApplicationShutdown(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get status(): SiteStatus {
    return {
      url: this.url,
      connections: this.#connections.size,
      requests: this.#requests,
      mostRequests: this.#mostRequests,
    };
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#requests++;
    this.#mostRequests = Math.max(this.#mostRequests, this.#requests);
    // Scopes need no task: what a request waits for ends with its connection.
    await runScope(async (scope) => {
      response.once('close', () => scope.cancel('the client has gone'));
      await this.#answer(scope, request, response);
    });
    this.#requests--;
  }

  async #answer(scope: CancelScope, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const page = pageAt(request.url ?? '');
    const kind = page === undefined ? 'quick' : kindOf(page);
    await scope.sleep(kind === 'silent' ? Infinity : kind === 'slow' ? 3 * this.#latency : this.#latency);
    response.setHeader('content-type', 'text/html');
    if (page === undefined) {
      response.writeHead(404).end('There is no such page');
    } else if (kind === 'failing') {
      response.writeHead(500).end('Something is wrong with this page');
    } else if (kind === 'flaky' && this.#isFirstTime(request)) {
      response.writeHead(503).end('Not now');
    } else if (kind === 'cut') {
      const html = htmlOf(page);
      response.setHeader('content-length', html.length);
      response.write(html.slice(0, html.length / 2), () => response.destroy());
    } else {
      response.end(htmlOf(page));
    }
  }

  #isFirstTime({ url, headers }: IncomingMessage): boolean {
    const who = `${headers['user-agent']} ${url}`;
    if (this.#sentAway.delete(who)) return false;
    this.#sentAway.add(who);
    return true;
  }
}

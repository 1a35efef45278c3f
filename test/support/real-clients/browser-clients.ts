/** The clients of a browser: its own EventSource, and fetch-event-source. */
import { Controller, Get, Header } from '@nestjs/common';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { HttpOptions } from 'nestjs-streaming';
import type { Browser, JSHandle, Page } from 'playwright-core';
import { closeLater } from '../clients/open-clients.js';
import { launchChromium } from '../browsers/chromium.js';
import {
  type BrowserClient,
  type BrowserClientKind,
  type BrowserClientOptions,
  watchInPage,
} from './page-clients.js';
import { type ClientGroup, eventTypes, type OpenClients, type Seen } from './stream-clients.js';
import { type Adapter, createTaskApp, PuppetTask, type TaskApp } from '../watching.js';

const library = createRequire(import.meta.url).resolve('@microsoft/fetch-event-source');
const script = (name: string): string => readFileSync(join(dirname(library), '..', 'esm', name), 'utf8');

/** Serves the page that the clients run in, and fetch-event-source, whose files name each other without an ending. */
@Controller('clients')
class ClientPageController {
  @Get('page')
  @Header('Content-Type', 'text/html')
  page(): string {
    return '<!doctype html>';
  }

  @Get('fetch')
  @Header('Content-Type', 'text/javascript')
  fetch(): string {
    return script('fetch.js');
  }

  @Get('parse')
  @Header('Content-Type', 'text/javascript')
  parse(): string {
    return script('parse.js');
  }
}

/** Clients in one page. */
export class PageClients implements ClientGroup {
  private constructor(
    readonly page: Page,
    private readonly clients: JSHandle<BrowserClient[]>,
  ) {}

  static async open(
    page: Page,
    kind: BrowserClientKind,
    urls: readonly string[],
    options: BrowserClientOptions = {},
  ): Promise<PageClients> {
    const clients = await page.evaluateHandle(watchInPage, [kind, urls, eventTypes, options] as const);
    return new PageClients(page, clients);
  }

  async stopped(timeout = 30_000): Promise<void> {
    await this.page.waitForFunction((clients) => clients.every(({ stopped }) => stopped), this.clients, {
      timeout,
      polling: 10,
    });
  }

  told(): Promise<BrowserClient[]> {
    return this.clients.jsonValue();
  }

  async seen(): Promise<(readonly Seen[])[]> {
    return (await this.told()).map(({ seen }) => seen);
  }
}

/** An application with a task type in the test's hands and a page for clients, who come back at once. */
export async function createClientApp(
  adapter: Adapter,
  http: HttpOptions = {},
  task = new PuppetTask(),
): Promise<[PuppetTask, TaskApp]> {
  const app = await createTaskApp({
    adapter,
    tasks: [task.type],
    controllers: [ClientPageController],
    forceCloseConnections: true,
    options: { http: { retry: 1, ...http } },
  });
  return [task, app];
}

/** A page of such an application, with connections of its own; closed after the test. */
export async function openClientPage(browser: Browser, origin: string): Promise<Page> {
  const page = await browser.newPage();
  closeLater(() => page.close());
  await page.goto(`${origin}/clients/page`);
  return page;
}

/** How many connections to one origin a browser has. */
const mostConnections = 6;

/** One browser for a file, started when it is first needed. */
export class SharedBrowser {
  #browser: Promise<Browser> | undefined;

  constructor(private readonly executablePath: string) {}

  get(): Promise<Browser> {
    return (this.#browser ??= launchChromium(this.executablePath));
  }

  async close(): Promise<void> {
    await (await this.#browser)?.close();
  }

  /**
   * Clients of one kind in pages of the origin of their URLs, spread over pages so that all can be connected at once.
   *
   * @param mostPages how many pages; with more clients than they have connections, some wait
   */
  clients(kind: BrowserClientKind, options: BrowserClientOptions = {}, mostPages = 8): OpenClients {
    const pages: Promise<Page>[] = [];
    return async (urls) => {
      const count = Math.min(mostPages, Math.ceil(urls.length / mostConnections));
      const size = Math.ceil(urls.length / count);
      const groups = await Promise.all(
        Array.from({ length: count }, async (_, index) => {
          const own = urls.slice(index * size, (index + 1) * size);
          const page = (pages[index] ??= this.get().then((browser) =>
            openClientPage(browser, new URL(urls[0] ?? '').origin),
          ));
          return PageClients.open(await page, kind, own, options);
        }),
      );
      return {
        stopped: async (timeout) => void (await Promise.all(groups.map((group) => group.stopped(timeout)))),
        seen: async () => (await Promise.all(groups.map((group) => group.seen()))).flat(),
      };
    };
  }
}

import { afterAll, afterEach, expect } from '@jest/globals';
import type { StreamingClientOptions } from 'nestjs-streaming/client';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { launchChromium } from '../../support/browsers/chromium.js';
import { eventually } from '../../support/wait.js';
import { createTaskApp, type PuppetTask, type TaskApp, type TaskAppOptions } from '../../support/watching.js';
import { ClientController } from '../client-controller.js';

/** What a tab keeps of what it watches. */
export interface Tab {
  readonly ids: string[];
  readonly types: string[];
  /** How its connection stood, one after the other. */
  readonly connections: string[];
  /** Until then it reads no more. */
  hold?: Promise<void>;
  status?: string;
  failure?: string;
}

export type WithTabs = typeof globalThis & { tabs: Record<string, Tab>; stops: Record<string, () => void> };

export interface Server extends TaskApp {
  /** The streams that are open. */
  readonly open: ReadonlySet<ServerResponse>;
  /** The streams that were asked for: path and query. */
  readonly asked: string[];
  /** How many were open at once, at most. */
  readonly counted: { readonly most: number };
}

/** @param answer may answer a request for a stream in place of the application */
export async function serve(
  task: PuppetTask,
  answer: (request: IncomingMessage, response: ServerResponse) => void = () => undefined,
  http: NonNullable<TaskAppOptions['options']>['http'] = {},
): Promise<Server> {
  const open = new Set<ServerResponse>();
  const asked: string[] = [];
  const counted = { most: 0 };
  const app = await createTaskApp({
    tasks: [task.type],
    controllers: [ClientController],
    forceCloseConnections: true,
    options: { http: { retry: 1, heartbeat: 50, ...http }, replay: { events: 5_000 } },
    configure: (nest) =>
      nest.use((request: IncomingMessage, response: ServerResponse, next: () => void) => {
        if (request.headers.accept === 'text/event-stream') {
          open.add(response);
          counted.most = Math.max(counted.most, open.size);
          asked.push(request.url ?? '');
          response.once('close', () => open.delete(response));
          answer(request, response);
        }
        if (!response.writableEnded) next();
      }),
  });
  return Object.assign(app, { open, asked, counted });
}

/** Makes browser contexts: the tabs of one share their storage, locks and channels. They are closed behind each test. */
export function useContexts(executablePath: string): () => Promise<BrowserContext> {
  const browser: Promise<Browser> = launchChromium(executablePath);
  const contexts: BrowserContext[] = [];
  afterAll(async () => (await browser).close());
  afterEach(async () => {
    await Promise.all(contexts.splice(0).map((context) => context.close()));
  });
  return async () => {
    const context = await (await browser).newContext();
    contexts.push(context);
    return context;
  };
}

export async function newTab(app: Server, context: BrowserContext): Promise<Page> {
  const page = await context.newPage();
  await page.goto(new URL('/client/page', app.url).href);
  await page.evaluate(() => Object.assign(globalThis, { tabs: {}, stops: {} }));
  return page;
}

export interface Watching {
  readonly from?: 'latest' | 'state';
  /** The id of the event behind which it begins. */
  readonly after?: string;
  /** How long the tab takes for each event, in milliseconds. */
  readonly pace?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly retry?: StreamingClientOptions['retry'];
}

/** Has a tab watch tasks. What it hears stands in `tabs`, by id. */
export function watch(
  page: Page,
  task: PuppetTask,
  given: readonly string[],
  options: Watching = {},
): Promise<void> {
  return page.evaluate(
    async ([name, watched, { from, after, pace, headers, retry = { min: 5, max: 20 } }]) => {
      const module = '/client/lib/index.js';
      const { createStreamingClient } = (await import(module)) as typeof import('nestjs-streaming/client');
      const client = createStreamingClient({ baseUrl: '/stream', shareTabs: true, retry, headers });
      const { tabs, stops } = globalThis as WithTabs;
      for (const id of watched) {
        const tab: Tab = (tabs[id] = { ids: [], types: [], connections: [] });
        const run = client.task('test', name).attach(id, { after });
        run.subscribe(() => {
          if (tab.connections.at(-1) !== run.connection) tab.connections.push(run.connection);
        });
        const stop = new AbortController();
        stops[id] = () => stop.abort(new Error('stopped'));
        void (async () => {
          try {
            for await (const event of run.events({ from, signal: stop.signal })) {
              tab.ids.push(event.id);
              tab.types.push(event.type);
              await tab.hold;
              if (pace !== undefined) await new Promise((resolve) => setTimeout(resolve, pace));
            }
            tab.status = (await run.outcome()).status;
          } catch (error) {
            tab.failure = (error as { code?: string; message: string }).code ?? String(error);
          }
        })();
      }
    },
    [task.name, given, options] as const,
  );
}

export const tabOf = (page: Page, id: string): Promise<Tab> =>
  page.evaluate((of) => ({ ...(globalThis as WithTabs).tabs[of], hold: undefined }) as unknown as Tab, id);

export const hasHeard = (page: Page, id: string, events: number): Promise<void> =>
  eventually(async () => expect((await tabOf(page, id)).ids.length).toBeGreaterThanOrEqual(events));

export const isLive = (page: Page, id: string): Promise<void> =>
  eventually(async () => expect((await tabOf(page, id)).connections.at(-1)).toBe('live'));

export const seqsOf = ({ ids }: Pick<Tab, 'ids'>): number[] => ids.map((id) => Number(id.split('-')[1]));

/** Waits until a tab has the end of a task, and says what it has of it. */
export async function ended(page: Page, id: string): Promise<Tab> {
  await eventually(async () => expect((await tabOf(page, id)).status).toBe('completed'));
  return tabOf(page, id);
}

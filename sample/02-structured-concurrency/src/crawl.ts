import { type CancelScope, ScopeTimeoutError, type TaskContext, type TaskGroup } from 'nestjs-streaming';
import { type CrawlInput, skipRequest } from './crawl.input.js';
import { type Page, type PageClient, PageError } from './page-client.js';
import { Places } from './places.js';

/** How much of the site was read. */
export interface CrawlSummary {
  /** Whether it was crawled to its end. */
  readonly whole: boolean;
  /** Paths that were found. */
  readonly found: number;
  readonly read: number;
  readonly words: number;
  readonly retries: number;
  /** Paths, in the order in which they were given up. */
  readonly broken: readonly string[];
  readonly timedOut: readonly string[];
  readonly skipped: readonly string[];
}

/** What became of a page. */
type PageResult =
  | { readonly outcome: 'read'; readonly page: Page }
  | { readonly outcome: 'broken'; readonly message: string }
  | { readonly outcome: 'timedOut' | 'skipped' };

/** One crawl of a site, from its first page to the last one that can be reached. */
export class Crawl {
  readonly #task: TaskContext<CrawlInput>;
  readonly #client: PageClient;
  readonly #places: Places;
  readonly #results = new Map<string, PageResult | undefined>();
  /** The scopes of the pages that are being read. */
  readonly #open = new Map<string, CancelScope>();
  #retries = 0;
  #whole = false;

  constructor(task: TaskContext<CrawlInput>, client: PageClient) {
    this.#task = task;
    this.#client = client;
    this.#places = new Places(task.input.concurrency);
  }

  /** Returns when every page has been dealt with. When the task is cancelled: when none of them is read any more. */
  async run(): Promise<void> {
    await this.#task.group(async (service) => {
      void service.spawn((scope) => this.#skipOnRequest(scope));
      await service.group(async (pages) => this.#visit(pages, '/'));
      this.#whole = true;
      // The other child would wait for ever.
      service.cancel('every page has been dealt with');
    });
  }

  get summary(): CrawlSummary {
    const read = [...this.#results.values()].filter((result) => result?.outcome === 'read');
    return {
      whole: this.#whole,
      found: this.#results.size,
      read: read.length,
      words: read.reduce((sum, { page }) => sum + page.words, 0),
      retries: this.#retries,
      broken: this.#pathsThat('broken'),
      timedOut: this.#pathsThat('timedOut'),
      skipped: this.#pathsThat('skipped'),
    };
  }

  /**
   * Every path that is new becomes a child of the group, which is done when no child has found another one: there is no
   * list of what is still to do, and nobody has to notice that it is empty.
   */
  #visit(pages: TaskGroup, path: string): void {
    if (this.#results.has(path)) return;
    this.#results.set(path, undefined);
    void pages.spawn(async (scope) => {
      const result = await this.#places.use(scope, () => this.#read(scope, path));
      this.#results.set(path, result);
      if (result.outcome === 'read') for (const link of result.page.links) this.#visit(pages, link);
      this.#report(path, result);
    });
  }

  /** A page has a scope around all its tries, so that it can be given up alone, in a try or between two. */
  async #read(parent: CancelScope, path: string): Promise<PageResult> {
    const result = await parent.scope(async (scope) => {
      this.#open.set(path, scope);
      try {
        return await this.#tryToRead(scope, path);
      } finally {
        this.#open.delete(path);
      }
    });
    // A scope that was cancelled alone gives `undefined`. Had the task been cancelled, nobody would come here.
    return result ?? { outcome: 'skipped' };
  }

  async #tryToRead(scope: CancelScope, path: string): Promise<PageResult> {
    const { attempts, pageTimeout } = this.#task.input;
    for (let attempt = 1; ; attempt++) {
      try {
        const page = await scope.timeout(pageTimeout, ({ signal }) => this.#client.get(path, signal));
        return { outcome: 'read', page };
      } catch (error) {
        // A broken page ends no crawl. A mistake in this code does, and so does a cancellation: both go on from here.
        if (error instanceof ScopeTimeoutError) return { outcome: 'timedOut' };
        if (!(error instanceof PageError)) throw error;
        const { message, temporary } = error;
        if (!temporary || attempt >= attempts) return { outcome: 'broken', message };
        this.#retries++;
        void this.#task.sendEvent('retry', { path, attempt, message });
        await scope.sleep(100 * attempt);
      }
    }
  }

  /**
   * `POST …/signals/skip {"path":"/pages/37"}` gives up one page, and nothing else. Only the input of a task is checked
   * for you. A signal is not, and an error here would end the crawl.
   */
  async #skipOnRequest(scope: CancelScope): Promise<void> {
    for (;;) {
      const { data } = skipRequest.safeParse(await this.#task.waitForSignal('skip', { scope }));
      if (data) this.#open.get(data.path)?.cancel('somebody wants it skipped');
      else void this.#task.sendEvent('unusable-signal', { signal: 'skip', expected: { path: '/pages/37' } });
    }
  }

  #report(path: string, result: PageResult): void {
    const { outcome } = result;
    void this.#task.sendEvent('page', {
      path,
      outcome,
      ...(outcome === 'read' && { words: result.page.words, links: result.page.links.length }),
      ...(outcome === 'broken' && { message: result.message }),
    });
    const found = this.#results.size;
    const done = [...this.#results.values()].filter((other) => other !== undefined).length;
    void this.#task.progress({ percent: Math.floor((100 * done) / found), done, found });
  }

  #pathsThat(outcome: PageResult['outcome']): string[] {
    return [...this.#results].filter(([, result]) => result?.outcome === outcome).map(([path]) => path);
  }
}

import { afterAll, afterEach, beforeAll, beforeEach, expect, jest, test } from '@jest/globals';
import type { Browser, BrowserContext, Locator, Page } from 'playwright-core';
import { QuickStart } from '../../sample/quick-start.js';
import { describeWithChromium, launchChromium } from '../../support/browsers/chromium.js';
import { eventually } from '../../support/wait.js';

interface Snapshot {
  readonly name: string;
  readonly id: string;
  readonly status: string;
  readonly watchers: number;
}

// Every wait in here has its own bound; together they may take longer than Jest allows a test.
jest.setTimeout(60_000);

const storageKey = 'nestjs-streaming.quick-start';

describeWithChromium('the page of the quick start', (executablePath) => {
  let app: QuickStart;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  const pageErrors: Error[] = [];

  beforeAll(async () => {
    [app, browser] = await Promise.all([QuickStart.start(), launchChromium(executablePath)]);
  });

  beforeEach(async () => {
    context = await browser.newContext();
    context.setDefaultTimeout(10_000);
    page = await context.newPage();
    page.on('pageerror', (error) => pageErrors.push(error));
    await page.goto(app.url);
  });

  afterEach(async () => {
    await context.close();
    const { items } = (await app.request<{ items: Snapshot[] }>('GET', '/stream')).body;
    await Promise.all(
      items.map(({ name, id }) => app.request('DELETE', `/stream/app/${name}/${id}?wait=5000`)),
    );
    expect(pageErrors.splice(0)).toEqual([]);
  });

  afterAll(async () => {
    await browser.close();
    await app[Symbol.asyncDispose]();
  });

  const cards = (): Locator => page.locator('.card');
  const button = (name: string, within: Page | Locator = page): Locator =>
    within.getByRole('button', { name, exact: true });

  /** The newest card's state, waited for. */
  async function inState(state: string, card = cards().first()): Promise<void> {
    await card.and(page.locator(`[data-state=${state}]`)).waitFor();
  }

  async function startCountdown(seconds: number): Promise<void> {
    const before = await cards().count();
    await page.getByLabel('Seconds').fill(String(seconds));
    await button('Start').click();
    await cards().nth(before).waitFor();
  }

  async function percentOf(card: Locator): Promise<number> {
    return Number(await card.getByRole('progressbar').getAttribute('aria-valuenow'));
  }

  /** Types of the events in a card's log; it may be closed. */
  function types(card: Locator): Promise<string[]> {
    return card.locator('.log .type').allTextContents();
  }

  /** The numbers in the ids of a card's events. */
  async function numbers(card: Locator): Promise<number[]> {
    const ids = await card.locator('.log .id').allTextContents();
    return ids.map((id) => Number(id.split('-')[1]));
  }

  async function expectEveryEventOnce(card: Locator): Promise<void> {
    const found = await numbers(card);
    expect(found.length).toBeGreaterThan(1);
    expect(found).toEqual(found.map((_, index) => index + 1));
  }

  async function snapshots(): Promise<Snapshot[]> {
    return (await app.request<{ items: Snapshot[] }>('GET', '/stream')).body.items;
  }

  function setHidden(hidden: boolean): Promise<void> {
    return page.evaluate(`
      Object.defineProperty(document, 'hidden', { value: ${hidden}, configurable: true });
      document.dispatchEvent(new Event('visibilitychange'));
    `);
  }

  async function showRemembered(tasks: object[]): Promise<void> {
    const json = JSON.stringify(JSON.stringify(tasks));
    await page.evaluate(`localStorage.setItem('${storageKey}', ${json})`);
    await page.reload();
  }

  test('leads to the dashboard, which shows what the page has started', async () => {
    await startCountdown(2);
    await inState('waiting');
    const id = (await snapshots()).find((task) => task.id !== 'hello')?.id ?? '';
    await page.getByRole('link', { name: 'The dashboard' }).click();
    await page.getByRole('row', { name: id }).waitFor();
    await page.goBack();
    await inState('waiting');
  });

  test('a countdown waits for Continue, goes on, and shows its result', async () => {
    await startCountdown(2);
    await inState('waiting');
    expect(await percentOf(cards().first())).toBe(50);
    await button('Continue').click();
    await inState('completed');
    expect(await percentOf(cards().first())).toBe(100);
    expect(await cards().first().locator('.result').innerText()).toMatch(/counted\s+2/);
    expect(await types(cards().first())).toEqual([
      'started',
      'progress',
      'progress',
      'progress',
      'completed',
    ]);
    expect(await button('Cancel').count()).toBe(0);
    await button('Remove').click();
    expect(await cards().count()).toBe(0);
    await page.reload();
    await page.getByText('Nothing started yet').waitFor();
  });

  test('a download shows its progress live and is cancelled', async () => {
    await button('Slow: 8 MB in 20 s').click();
    const card = cards().first();
    await eventually(async () => (await percentOf(card)) > 0);
    const early = await percentOf(card);
    await eventually(async () => (await percentOf(card)) > early);
    await button('Cancel').click();
    await inState('cancelled');
    expect(await card.locator('.message').innerText()).toBe('Cancelled on request.');
    expect((await snapshots()).find(({ name }) => name === 'FetchTask')).toMatchObject({
      status: 'cancelled',
      watchers: 0,
    });
  });

  test('what fails says why, and what is refused is not started', async () => {
    await button('Not there').click();
    await inState('failed');
    expect(await cards().first().locator('.message').innerText()).toBe('The server answered 404 Not Found');
    await page.getByLabel('URL').fill('ftp://example.com/');
    await button('Fetch').click();
    await page.getByText('expected an http: or https: URL').waitFor();
    expect(await cards().count()).toBe(1);
  });

  test('text of a task is text', async () => {
    const markup = 'http://127.0.0.1:1/<img src=x onerror=alert(1)>';
    await showRemembered([
      { name: 'FetchTask', id: 'none', subtitle: markup, createdAt: new Date().toISOString() },
    ]);
    expect(await cards().first().locator('.subtitle').innerText()).toBe(markup);
    expect(await page.locator('.card img').count()).toBe(0);
  });

  test('a reload finds the tasks again, with every event once', async () => {
    await startCountdown(2);
    await inState('waiting');
    await button('Slow: 8 MB in 20 s').click();
    await inState('running');
    await page.reload();
    expect(await cards().count()).toBe(2);
    await inState('running', cards().first());
    await inState('waiting', cards().last());
    const card = cards().first();
    const before = await percentOf(card);
    await eventually(async () => (await percentOf(card)) > before);
    await expectEveryEventOnce(card);

    await button('Continue').click();
    await inState('completed', cards().last());
    await page.reload();
    await inState('completed', cards().last());
    expect(await cards().last().locator('.result').innerText()).toMatch(/counted\s+2/);
  });

  test('a tab that is not seen gives its connections back, and catches up', async () => {
    await button('Slow: 8 MB in 20 s').click();
    await inState('running');
    const watchers = async (): Promise<number> =>
      (await snapshots()).reduce((sum, task) => sum + task.watchers, 0);
    expect(await watchers()).toBe(1);
    await setHidden(true);
    await eventually(async () => (await watchers()) === 0);
    const card = cards().first();
    const before = await percentOf(card);
    await setHidden(false);
    await eventually(async () => (await percentOf(card)) > before);
    await expectEveryEventOnce(card);
  });

  test('more tasks than a browser has connections: all are followed, and Cancel is heard', async () => {
    for (let task = 0; task < 8; task++) await startCountdown(2);
    for (let index = 0; index < 8; index++) await inState('waiting', cards().nth(index));
    const watched = async (): Promise<number> =>
      (await snapshots())
        .filter(({ status }) => status === 'running')
        .reduce((sum, { watchers }) => sum + watchers, 0);
    // All of them on one connection.
    await eventually(async () => (await watched()) === 8);
    for (let index = 0; index < 8; index++) await expectEveryEventOnce(cards().nth(index));
    for (let index = 4; index < 8; index++) await button('Cancel', cards().nth(index)).click();
    for (let index = 4; index < 8; index++) await inState('cancelled', cards().nth(index));
    await eventually(async () => (await watched()) === 4);
    await button('Continue', cards().first()).click();
    await inState('completed', cards().first());
    await button('Remove ended').click();
    expect(await cards().count()).toBe(3);
  });

  test('shows what others started, and watches it', async () => {
    const path = await app.task('CountdownTask', { seconds: 2 });
    const id = path.split('/').at(-1)!;
    await page.reload();
    await button(`Watch CountdownTask ${id}`).click();
    await inState('waiting');
    await button(`Watch CountdownTask ${id}`).waitFor({ state: 'detached' });
  });

  test('a gap shows where the task stands', async () => {
    const snapshot = {
      status: 'running',
      progress: { percent: 70, message: 'far' },
      finalValue: null,
      error: null,
    };
    const gap = { cause: 'expired', missed: 42, snapshot };
    await page.route('**/stream/app/FetchTask/long', (route) =>
      route.fulfill({
        contentType: 'text/event-stream',
        body: `retry: 60000\n: connected\nevent: gap\ndata: ${JSON.stringify(gap)}\nid: abcdefgh-42\n\n`,
      }),
    );
    await showRemembered([{ name: 'FetchTask', id: 'long', subtitle: 'long', createdAt: '' }]);
    await inState('running');
    expect(await percentOf(cards().first())).toBe(70);
    expect(await types(cards().first())).toEqual(['gap']);
    expect(await numbers(cards().first())).toEqual([42]);
  });

  test('the end is found by the status when the stream has nothing more to say', async () => {
    const path = await app.task('CountdownTask', {});
    await app.request('DELETE', `${path}?wait=5000`);
    await page.route(`**${path}`, (route) => route.fulfill({ status: 204 }));
    const [id] = path.split('/').slice(-1);
    await showRemembered([{ name: 'CountdownTask', id, subtitle: 'from 10', createdAt: '' }]);
    await inState('cancelled');
  });

  test('after a restart of the server it says that its tasks are gone, without and with a reload', async () => {
    await startCountdown(2);
    await inState('waiting');
    await button('Slow: 8 MB in 20 s').click();
    await inState('running');
    // Killed: nobody is told anything.
    await app.stop('SIGKILL');
    await page.getByText('The server is not there').waitFor();
    app = await QuickStart.start(app.port, app.dataDirectory);
    for (const load of [() => Promise.resolve(), () => page.reload()]) {
      await load();
      for (const card of [cards().first(), cards().last()]) {
        await inState('gone', card);
        expect(await card.locator('.message').innerText()).toBe(
          'This task is gone: the server was restarted.',
        );
      }
    }
    await page.getByText('Connected', { exact: true }).waitFor();
    await startCountdown(2);
    await inState('waiting');
  });

  test('a shutdown is told, and is no restart', async () => {
    await startCountdown(2);
    await inState('waiting');
    await app.stop();
    await inState('cancelled');
    expect(await cards().first().locator('.message').innerText()).toBe(
      'Cancelled: the server was shut down.',
    );
    app = await QuickStart.start(app.port, app.dataDirectory);
  });
});

/** The page of the dashboard in Firefox, under its strict policy. */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Browser, Page } from 'puppeteer-core';
import { closeLater } from '../support/clients/open-clients.js';
import { handlerTask } from '../support/app.js';
import { describeWithFirefox, launchFirefox } from '../support/browsers/firefox.js';
import { deferred } from '../support/wait.js';
import { createDashboardApp } from './support.js';

/** What the page reports, and what it asks another host for. */
function faultsOf(page: Page, origin: string): string[] {
  const faults: string[] = [];
  page.on('console', (message) => {
    if (['error', 'warn'].includes(message.type())) faults.push(`${message.type()}: ${message.text()}`);
  });
  page.on('pageerror', (error) => faults.push(`error: ${String(error)}`));
  page.on('request', (request) => {
    if (!request.url().startsWith(`${origin}/`)) faults.push(`asked for ${request.url()}`);
  });
  return faults;
}

describeWithFirefox('the dashboard in Firefox', (executablePath) => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchFirefox(executablePath);
  }, 60_000);
  afterAll(() => browser.close());

  it('lists tasks as they come, opens one, and cancels it', async () => {
    const cleaned = deferred();
    const type = handlerTask(
      async (task) => {
        try {
          await task.progress({ percent: 40, message: 'reading rows' });
          await task.sleep(600_000);
        } finally {
          await task.shield(() => cleaned.promise);
        }
      },
      { name: 'Import', grace: 60_000 },
    );
    const done = handlerTask(() => 'done', { name: 'Digest' });
    const app = await createDashboardApp({
      tasks: [type, done],
      forceCloseConnections: true,
      dashboard: { access: () => true, by: () => 'ada' },
    });
    const page = await browser.newPage();
    closeLater(() => page.close());
    page.setDefaultTimeout(20_000);
    const faults = faultsOf(page, app.origin);
    const shows = (selector: string): Promise<unknown> => page.waitForSelector(selector, { visible: true });

    await page.goto(app.page);
    await shows('.connection[data-is=live]');
    await shows('::-p-text(No tasks yet)');
    const handle = await app.coordinator.start(type, {}, { id: 'one', owner: 'grace' });
    await app.coordinator.start(done, {}, { id: 'two' });
    await shows('tr ::-p-text(reading rows)');
    await shows('::-p-aria([name="Completed 1"][role="button"])');
    await page.locator('::-p-aria([name="test/Import one"][role="link"])').click();

    await shows('::-p-aria([name="Timeline"][role="heading"])');
    await page.locator('::-p-aria([name="Cancel…"][role="button"])').click();
    await page.locator('dialog textarea').fill('the wrong file');
    await page.locator('dialog ::-p-aria([name="Cancel the task"][role="button"])').click();
    await shows('[aria-current=step] ::-p-text(Cleaning up)');
    await shows('::-p-text(by ada: “the wrong file”)');
    cleaned.resolve();
    await shows('::-p-text(as cancelled)');
    expect((await handle.outcome).reason).toMatchObject({ by: 'ada', detail: 'the wrong file' });

    await page.locator('::-p-aria([name="← All tasks"][role="link"])').click();
    await shows('::-p-aria([name="Cancelled 1"][role="button"])');
    expect(faults).toEqual([]);
  });
});

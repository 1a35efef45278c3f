/** The pictures of docs/dashboard.md. `PICTURES=docs` puts them there; else they are only made. */
import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { handlerTask } from '../support/app.js';
import { describeWithChromium, launchChromium } from '../support/browsers/chromium.js';
import { deferred } from '../support/wait.js';
import { DashboardPage } from './page-app.js';
import { createDashboardApp } from './support.js';

jest.setTimeout(120_000);

/** More than that has no place in a package. */
const MOST_BYTES = 120_000;
const owners = ['ada', 'grace', 'linus', 'margaret'];

describeWithChromium('the pictures of the dashboard', (executablePath) => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchChromium(executablePath);
  });
  afterAll(() => browser.close());

  it('are made of a real application', async () => {
    const over = deferred();
    const transcode = handlerTask(
      async (task) => {
        const { percent, seconds } = task.input as { percent: number; seconds: number };
        await task.sendEvent('probe', { codec: 'av1', width: 3840, height: 2160 });
        await task.progress({ percent, message: `frame ${percent * 90} of 9000` });
        try {
          await task.waitFor(over.promise);
        } finally {
          await task.shield((scope) => scope.sleep(seconds * 1_000));
        }
      },
      { app: 'media', name: 'Transcode', concurrency: 9, announceCancelling: true, grace: 60_000 },
    );
    const mail = handlerTask(
      (task) => {
        if ((task.input as { fail?: boolean }).fail) throw new Error('421 Too many connections');
        return { sent: 214 };
      },
      { app: 'mail', name: 'SendDigest' },
    );
    const app = await createDashboardApp({
      tasks: [transcode, mail],
      forceCloseConnections: true,
      dashboard: { access: () => true, by: () => 'ada@example.com' },
    });
    for (let n = 0; n < 60; n++) {
      await app.coordinator.start(mail, { fail: n % 17 === 16 }, { id: `digest-${n}`, owner: owners[n % 4] });
    }
    for (let n = 0; n < 12; n++) {
      const input = { percent: (n * 37) % 100, seconds: 2 };
      await app.coordinator.start(transcode, input, { id: `upload-${4100 + n}`, owner: owners[n % 4] });
    }
    await app.coordinator.start(mail, {}, { id: 'digest-60', owner: 'ada' });
    const viewport = { width: 1200, height: 560 };
    const dashboard = await DashboardPage.open(browser, app.page, { viewport, reducedMotion: 'reduce' });
    const { page } = dashboard;
    await page.getByRole('button', { name: 'Running 9' }).waitFor();
    await app.coordinator.cancelTask('media', 'Transcode', 'upload-4103', {
      detail: 'replaced',
      by: 'grace',
    });
    await page.getByRole('button', { name: 'Cancelling 1' }).waitFor();
    await keep('dashboard-tasks.png', await page.screenshot());
    await page.goto(`${app.page}#/task/media/Transcode/upload-4103`);
    await page.getByText('as cancelled', { exact: true }).waitFor();
    await keep('dashboard-task.png', await page.screenshot());
    over.resolve();
    await dashboard.close();
  });
});

async function keep(name: string, picture: Buffer): Promise<void> {
  expect(picture.length).toBeLessThan(MOST_BYTES);
  const folder = process.env['PICTURES'];
  if (folder !== undefined) await writeFile(join(folder, name), picture);
}

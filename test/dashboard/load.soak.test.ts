/** An open list while much happens: it stays quick, and holds no more than before. */
import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import type { Browser, CDPSession } from 'playwright-core';
import { handlerTask } from '../support/app.js';
import { describeWithChromium, launchChromium } from '../support/browsers/chromium.js';
import { deferred } from '../support/wait.js';
import { DashboardPage } from './page-app.js';
import { createDashboardApp } from './support.js';

jest.setTimeout(120_000);

const RUNNING = 200;
const KEPT = 5_000;
const EVENTS_PER_SECOND = 50;

/** Given, the time of tasks is held against the limit: that measures the machine, too. */
const measured = Number(process.env['LOAD_SECONDS'] ?? 0);
const SECONDS = measured || 10;

describeWithChromium('the list under load', (executablePath) => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchChromium(executablePath);
  });
  afterAll(() => browser.close());

  it(`shows ${RUNNING} running and ${KEPT} kept tasks at ${EVENTS_PER_SECOND} events/s, and holds no more than before`, async () => {
    const senders: ((percent: number) => void)[] = [];
    const over = deferred();
    const running = handlerTask(
      async (task) => {
        senders.push((percent) => void task.progress({ percent, message: `step ${percent}` }));
        await task.waitFor(over.promise);
      },
      { name: 'Running' },
    );
    const done = handlerTask(() => 'done', { name: 'Done' });
    const app = await createDashboardApp({
      tasks: [running, done],
      forceCloseConnections: true,
      dashboard: { access: () => true },
      options: { replay: { tasks: KEPT } },
    });
    for (let count = 0; count < KEPT; count += 500) {
      const handles = await Promise.all(Array.from({ length: 500 }, () => app.coordinator.start(done, {})));
      await Promise.all(handles.map(({ outcome }) => outcome));
    }
    for (let n = 0; n < RUNNING; n++) await app.coordinator.start(running, {}, { owner: `owner-${n % 7}` });

    const dashboard = await DashboardPage.open(browser, app.page);
    const { page } = dashboard;
    await page.getByText(/200 of 5.200 tasks/).waitFor();
    // Those that end are in it too.
    await page.getByRole('button', { name: 'Show more' }).click();
    await page.getByText(/400 of 5.200 tasks/).waitFor();
    const session = await dashboard.context.newCDPSession(page);
    await page.evaluate(`
      window.longest = 0;
      window.longTasks = 0;
      new PerformanceObserver((list) => {
        for (const { duration } of list.getEntries()) {
          window.longest = Math.max(window.longest, duration);
          if (duration > 100) window.longTasks += 1;
        }
      }).observe({ type: 'longtask' });
    `);
    let sent = 0;
    // Each second one starts and ends, so that the list moves too.
    const sending = setInterval(() => {
      senders[sent % senders.length]?.(Math.floor(sent / senders.length) % 101);
      if (sent % EVENTS_PER_SECOND === 0) void app.coordinator.start(done, {});
      sent += 1;
    }, 1_000 / EVENTS_PER_SECOND);
    const heaps: number[] = [];
    try {
      for (let part = 0; part <= 3; part++) {
        heaps.push(await heapOf(session));
        if (part < 3) await page.waitForTimeout((SECONDS * 1_000) / 3);
      }
    } finally {
      clearInterval(sending);
      over.resolve();
    }
    const [longest, longTasks] = await page.evaluate<[number, number]>('[window.longest, window.longTasks]');
    process.stdout.write(
      `${sent} events in ${SECONDS} s: longest task ${longest} ms, heap ${heaps.map((bytes) => (bytes / 1e6).toFixed(1)).join(', ')} MB\n`,
    );
    if (measured > 0) expect(longTasks).toBe(0);
    // The first look fills caches.
    expect(heaps.at(-1)! - heaps[1]!).toBeLessThan(1_000_000);
    await dashboard.close();
  });
});

async function heapOf(session: CDPSession): Promise<number> {
  await session.send('HeapProfiler.collectGarbage');
  return (await session.send('Runtime.getHeapUsage')).usedSize;
}

import { expect, jest, test } from '@jest/globals';
import { QuickStart } from '../../sample/quick-start.js';
import { describeWithChromium, launchChromium } from '../../support/browsers/chromium.js';

// A browser and a server start within the test.
jest.setTimeout(60_000);

describeWithChromium('the page of the quick start on a narrow screen', (executablePath) => {
  test('does not scroll sideways at 380 px, with tasks of long ids of its own and of others', async () => {
    await using app = await QuickStart.start();
    const browser = await launchChromium(executablePath);
    try {
      const longId = (letter: string): string => letter.repeat(100);
      for (const letter of ['a', 'b', 'c', 'd']) {
        const { status } = await app.request('PUT', `/stream/app/CountdownTask/${longId(letter)}`, {
          seconds: 60,
        });
        expect(status).toBe(201);
      }
      const page = await browser.newPage({ viewport: { width: 380, height: 800 } });
      page.setDefaultTimeout(10_000);
      await page.goto(app.url);
      await page.locator('#other-tasks li').nth(3).waitFor();
      await page.getByLabel('Seconds').fill('60');
      await page.getByRole('button', { name: 'Start', exact: true }).click();
      await page.locator('.card').waitFor();
      // One of the others becomes a card, with its long id.
      await page.locator('#other-tasks button').first().click();
      await page.locator('.card').nth(1).waitFor();
      const widths = await page.evaluate(() => {
        const { document } = globalThis as unknown as {
          document: { documentElement: { scrollWidth: number; clientWidth: number } };
        };
        const { scrollWidth, clientWidth } = document.documentElement;
        return { scrollWidth, clientWidth };
      });
      expect(widths).toEqual({ scrollWidth: 380, clientWidth: 380 });
    } finally {
      await browser.close();
    }
  });
});

// Makes the picture of the page: node sample/01-quick-start/screenshot.mjs http://127.0.0.1:3000 docs/quick-start.png
import { chromium } from 'playwright-core';

const [url = 'http://127.0.0.1:3000', path = 'docs/quick-start.png', colorScheme = 'light'] =
  process.argv.slice(2);
const executablePath = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium';
const browser = await chromium.launch({
  executablePath,
  args: ['--headless', '--no-sandbox', '--disable-gpu'],
});
const page = await browser.newPage({
  viewport: { width: 1200, height: 888 },
  deviceScaleFactor: 1.5,
  colorScheme,
  // The page allows no `eval`, which is how the wait below is asked for.
  bypassCSP: true,
});
/** @param {string} name */
const button = (name) => page.getByRole('button', { name, exact: true });
const newest = page.locator('.card').first();
const inState = (state) => newest.and(page.locator(`[data-state=${state}]`)).waitFor();
const percent = (least) =>
  page.waitForFunction(`document.querySelector('.card .bar')?.getAttribute('aria-valuenow') >= ${least}`);
const closeLog = () => newest.locator('summary').click();

await page.goto(url);
await button('Start').click();
await inState('waiting');
await closeLog();
await button('Count').click();
await inState('completed');
await closeLog();
await button('Big: 100 MB').click();
await inState('running');
await percent(57);
await newest.getByRole('button', { name: 'Cancel' }).click();
await inState('cancelled');
await button('Slow: 8 MB in 20 s').click();
await inState('running');
await percent(40);
await page.mouse.move(0, 0);
await page.evaluate('document.activeElement.blur()');
await page.screenshot({ path });
await browser.close();

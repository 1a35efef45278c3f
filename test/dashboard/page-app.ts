import { afterAll, afterEach, beforeAll, expect } from '@jest/globals';
import axe from 'axe-core';
import type { Browser, BrowserContext, BrowserContextOptions, ConsoleMessage, Page } from 'playwright-core';
import { describeWithChromium, launchChromium } from '../support/browsers/chromium.js';
import { eventually } from '../support/wait.js';

export type OpenPage = (url: string, options?: BrowserContextOptions) => Promise<DashboardPage>;

/** `describe` for pages in a browser: those that a test opens are closed after it. */
export function describePages(
  name: string,
  fn: (openPage: OpenPage, open: Set<DashboardPage>) => void,
): void {
  describeWithChromium(name, (executablePath) => {
    let browser: Browser;
    const open = new Set<DashboardPage>();
    beforeAll(async () => {
      browser = await launchChromium(executablePath);
    });
    afterEach(async () => {
      const pages = [...open];
      open.clear();
      for (const page of pages) await page.close();
    });
    afterAll(() => browser.close());
    fn(async (url, options) => {
      const page = await DashboardPage.open(browser, url, options);
      open.add(page);
      return page;
    }, open);
  });
}

/** A page of the dashboard in a browser: nothing that it logs, and nothing that it asks another host for, goes unseen. */
export class DashboardPage {
  readonly faults: string[] = [];
  /** An answer that is no success is told by the browser as an error, too. */
  expectsRefusals = false;

  private constructor(
    readonly context: BrowserContext,
    readonly page: Page,
    origin: string,
  ) {
    page.on('console', (message) => this.#onConsole(message));
    page.on('pageerror', (error) => this.faults.push(`error: ${error.message}`));
    page.on('request', (request) => {
      if (!request.url().startsWith(`${origin}/`)) this.faults.push(`asked for ${request.url()}`);
    });
  }

  static async open(
    browser: Browser,
    url: string,
    options: BrowserContextOptions = {},
  ): Promise<DashboardPage> {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
    context.setDefaultTimeout(15_000);
    const page = await context.newPage();
    const dashboard = new DashboardPage(context, page, new URL(url).origin);
    await page.goto(url);
    await dashboard.isLive();
    return dashboard;
  }

  async isLive(): Promise<void> {
    await this.page.locator('.connection[data-is=live]').waitFor();
  }

  /** What a screen reader meets: by axe-core, in the page's own policy. */
  async expectAccessible(): Promise<void> {
    await this.page.evaluate(axe.source);
    const violations = await this.page.evaluate<string[]>(`axe
      .run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })
      .then(({ violations }) => violations.map(({ id, nodes }) => id + ': ' + nodes.map((node) => node.html + ' ' + node.failureSummary).join('; ')))`);
    expect(violations).toEqual([]);
  }

  /** The text of the button with the focus, or of the link. */
  focused(): Promise<string> {
    return this.page.evaluate<string>(
      `((element) => (element === document.body ? '' : element.getAttribute('aria-label') ?? element.textContent).trim())(document.activeElement)`,
    );
  }

  /** Goes on with the Tab key until something has the focus. */
  async tabTo(wanted: RegExp, most = 60): Promise<void> {
    for (let times = 0; times < most; times++) {
      await this.page.keyboard.press('Tab');
      if (wanted.test(await this.focused())) return;
    }
    throw new Error(`The Tab key never comes to ${String(wanted)}: ${await this.focused()}`);
  }

  async close(): Promise<void> {
    await this.context.close();
    await eventually(() => expect(this.faults).toEqual([]), { timeout: 0 });
  }

  #onConsole(message: ConsoleMessage): void {
    const text = message.text();
    if (message.type() !== 'error' && message.type() !== 'warning') return;
    if (this.expectsRefusals && text.startsWith('Failed to load resource')) return;
    this.faults.push(`${message.type()}: ${text} ${message.location().url}`);
  }
}

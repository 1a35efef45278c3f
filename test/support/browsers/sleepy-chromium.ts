import { type Browser, launch } from 'puppeteer-core';
import { chromiumFlags } from './chromium.js';

/** A Chromium whose pages can sleep, as those of a user do: Playwright keeps all of them awake. The caller closes it. */
export function launchSleepyChromium(executablePath: string): Promise<Browser> {
  return launch({
    executablePath,
    args: [...chromiumFlags],
    ignoreDefaultArgs: [
      '--disable-back-forward-cache',
      '--disable-backgrounding-occluded-windows',
      '--disable-renderer-backgrounding',
    ],
  });
}

import { describe } from '@jest/globals';
import { type Browser, launch } from 'puppeteer-core';
import { findExecutable } from '../programs/executable.js';
import { describeMissing } from '../programs/missing.js';

/** `FIREFOX_PATH`, else the distribution's, else the first of the usual names on the `PATH`. */
export function findFirefox(): string | undefined {
  return findExecutable('FIREFOX_PATH', ['firefox-esr', 'firefox'], ['/usr/bin']);
}

/** As its users have it: Playwright drives only a Firefox that it has patched. The caller closes it. */
export function launchFirefox(executablePath: string): Promise<Browser> {
  return launch({ browser: 'firefox', executablePath });
}

/** `describe` for what needs a real Firefox. */
export function describeWithFirefox(name: string, fn: (executablePath: string) => void): void {
  const executablePath = findFirefox();
  if (executablePath !== undefined) {
    describe(name, () => {
      fn(executablePath);
    });
    return;
  }
  describeMissing(name, `"${name}" needs Firefox: apt-get install firefox-esr, or set FIREFOX_PATH`);
}

import { describe } from '@jest/globals';
import { chromium, type Browser } from 'playwright-core';
import { findExecutable } from '../programs/executable.js';
import { describeMissing } from '../programs/missing.js';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** What a headless Chromium needs as root in a container, and what keeps it from calling home in a closed network. */
export const chromiumFlags: readonly string[] = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** `CHROMIUM_PATH`, else the distribution's, else the first of the usual names on the `PATH`. */
export function findChromium(): string | undefined {
  return findExecutable('CHROMIUM_PATH', NAMES, ['/usr/bin']);
}

/** The caller closes it. */
export function launchChromium(executablePath: string): Promise<Browser> {
  return chromium.launch({ executablePath, args: [...chromiumFlags] });
}

/** `describe` for what needs a real browser. */
export function describeWithChromium(name: string, fn: (executablePath: string) => void): void {
  const executablePath = findChromium();
  if (executablePath !== undefined) {
    describe(name, () => {
      fn(executablePath);
    });
    return;
  }
  describeMissing(name, `"${name}" needs Chromium: apt-get install chromium, or set CHROMIUM_PATH`);
}

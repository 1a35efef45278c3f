import { describe, test } from '@jest/globals';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { chromium, type Browser } from 'playwright-core';

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
  const named = process.env['CHROMIUM_PATH'];
  if (named !== undefined && named !== '') {
    if (!isExecutable(named)) throw new Error(`CHROMIUM_PATH is "${named}", which cannot be run`);
    return named;
  }
  const folders = ['/usr/bin', ...(process.env['PATH'] ?? '').split(delimiter)];
  return folders.flatMap((folder) => NAMES.map((name) => join(folder, name))).find(isExecutable);
}

/** The caller closes it. */
export function launchChromium(executablePath: string): Promise<Browser> {
  return chromium.launch({ executablePath, args: [...chromiumFlags] });
}

/**
 * `describe` for what needs a real browser. Without one the suite is skipped with a line that says how to get it; with
 * `CI=true` it fails, since a run that checks less must not look like one that passed.
 */
export function describeWithChromium(name: string, fn: (executablePath: string) => void): void {
  const executablePath = findChromium();
  if (executablePath !== undefined) {
    describe(name, () => {
      fn(executablePath);
    });
    return;
  }
  const hint = `"${name}" needs Chromium: apt-get install chromium, or set CHROMIUM_PATH`;
  if (process.env['CI'] === 'true') throw new Error(hint);
  process.stderr.write(`Skipped: ${hint}\n`);
  describe(name, () => {
    test.skip(hint, () => undefined);
  });
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

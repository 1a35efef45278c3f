/** curl as a client: run anew, with the last id, for each connection. */
import { spawn } from 'node:child_process';
import { createParser } from 'eventsource-parser';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { closeLater } from '../clients/open-clients.js';
import { deferred, withTimeout } from '../wait.js';
import { comingBack, type OpenClients, type Seen } from './stream-clients.js';

/** `curl -N` for each client and connection, read as it writes. */
export const openCurls: OpenClients = comingBack(async (url, headers, feed, signal) => {
  const named = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
  // The status comes behind the body, on a stream of its own.
  const curl = spawn('curl', ['-sN', '-w', '%{stderr}%{http_code}', ...named, url], {
    signal,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  curl.on('error', () => undefined);
  let isStream: boolean | undefined;
  let status = '';
  curl.stdout.setEncoding('utf8').on('data', (text: string) => {
    // Errors are JSON. They have no `retry:` and no event, but nothing but a stream should be fed.
    isStream ??= !text.startsWith('{');
    if (isStream) feed(text);
  });
  curl.stderr.setEncoding('utf8').on('data', (text: string) => {
    status += text;
  });
  const code = await new Promise((resolve) => {
    curl.once('close', resolve);
  });
  // When the transfer broke, the status says nothing.
  return code === 0 ? Number(status) : undefined;
});

interface Transfer {
  readonly url: string;
  readonly seen: Seen[];
  over: boolean;
}

/** One curl for the next connection of all of them. */
async function transfer(transfers: readonly Transfer[], signal: AbortSignal): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'curl-'));
  const curl = spawn('curl', ['--parallel', '--parallel-immediate', '--parallel-max', '300', '-K', '-'], {
    signal,
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  curl.on('error', () => undefined);
  const config = transfers.map(({ url, seen }, index) => {
    const lastEventId = seen.at(-1)?.id;
    return [
      'silent',
      'no-buffer',
      `url = "${url}"`,
      ...(lastEventId === undefined ? [] : [`header = "Last-Event-ID: ${lastEventId}"`]),
      `output = "${join(folder, String(index))}"`,
      `write-out = "${index} %{http_code} %{exitcode}\\n"`,
    ].join('\n');
  });
  curl.stdin.end(config.join('\nnext\n'));
  let told = '';
  curl.stdout.setEncoding('utf8').on('data', (text: string) => {
    told += text;
  });
  await new Promise((resolve) => {
    curl.once('close', resolve);
  });
  for (const [, index, status, code] of told.matchAll(/^([0-9]+) ([0-9]+) ([0-9]+)$/gm)) {
    const one = transfers[Number(index)];
    if (!one) continue;
    if (status === '200') {
      const parser = createParser({
        onEvent: ({ id = '', event = 'message', data }) => one.seen.push({ id, type: event, data }),
      });
      parser.feed(readIfThere(join(folder, String(index))));
    } else if (code === '0') one.over = true;
  }
  rmSync(folder, { recursive: true });
}

/** Many at once: one `curl -N` for all of them, run again for those whose transfer broke or that are not told to stop. */
export const openManyCurls: OpenClients = (urls) => {
  const transfers = urls.map((url): Transfer => ({ url, seen: [], over: false }));
  const closing = new AbortController();
  closeLater(() => closing.abort());
  const stopped = deferred();
  const run = async (): Promise<void> => {
    for (let rest = transfers; rest.length > 0; rest = rest.filter(({ over }) => !over)) {
      await transfer(rest, closing.signal);
      if (closing.signal.aborted) return;
    }
  };
  run().then(stopped.resolve, stopped.reject);
  return Promise.resolve({
    stopped: (timeout = 30_000) =>
      withTimeout(stopped.promise, timeout, () => `the end of curl; ${JSON.stringify(transfers)}`),
    seen: () => Promise.resolve(transfers.map(({ seen }) => seen)),
  });
};

/** curl makes the file with the first byte of a body. */
function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

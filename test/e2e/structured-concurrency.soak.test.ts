import { beforeAll, describe, expect, test } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { once } from 'node:events';
import { basename, join } from 'node:path';
import { SampleApp } from '../sample/sample-app.js';
import { closeBound, eventually, withTimeout } from '../support/wait.js';

const SAMPLE = '02-structured-concurrency';

interface SiteStatus {
  readonly url: string;
  readonly connections: number;
  readonly requests: number;
  readonly mostRequests: number;
}

interface Summary {
  readonly whole: boolean;
  readonly found: number;
  readonly read: number;
  readonly broken: readonly string[];
}

interface Progress {
  readonly done: number;
}

/** Everything that is broken, timed out or tried again on the site, as its pages say. */
const wholeSite = {
  whole: true,
  found: 61,
  read: 57,
  words: 2_278,
  retries: 6,
  broken: ['/pages/44', '/pages/51', '/pages/60'],
  timedOut: ['/pages/37'],
  skipped: [],
};

/** Quick pages come at once; the one that never answers is given up soon. */
const quick = { SITE_LATENCY: '2' };
const input = { concurrency: 4, pageTimeout: 500 };

function sorted(summary: Summary): Summary {
  return { ...summary, broken: summary.broken.toSorted() };
}

describe('structured concurrency', () => {
  let app: SampleApp;

  beforeAll(async () => {
    app = await SampleApp.start(SAMPLE, { env: quick, shared: true });
  });

  async function siteStatus(of = app): Promise<SiteStatus> {
    return (await of.request<SiteStatus>('GET', '/site')).body;
  }

  /** The report that a crawl has written. */
  async function reportOf(path: string, of = app): Promise<unknown> {
    return JSON.parse(await readFile(join(of.dataDirectory, `crawl-${basename(path)}.json`), 'utf8'));
  }

  test('crawls the whole site: broken pages are told, slow ones waited for, the silent one is given up', async () => {
    const path = await app.task('CrawlTask', input);
    await using stream = await app.watch(path, 20_000);
    const { data } = await stream.next<{ finalValue: Summary }>('completed');
    expect(sorted(data.finalValue)).toEqual(wholeSite);
    const pages = stream.events.filter(({ type }) => type === 'page').map((event) => event.data);
    expect(pages).toHaveLength(wholeSite.found);
    expect(pages).toContainEqual({ path: '/pages/37', outcome: 'timedOut' });
    expect(pages).toContainEqual({
      path: '/pages/60',
      outcome: 'broken',
      message: '404 There is no such page',
    });
    expect(stream.events.filter(({ type }) => type === 'retry')).toHaveLength(wholeSite.retries);
    expect(stream.events.at(-2)).toMatchObject({ type: 'summary', data: data.finalValue });
    expect(await reportOf(path)).toEqual(data.finalValue);
    // How many are there at once depends on how busy the machine is, but there are never more.
    const { mostRequests } = await siteStatus();
    expect(mostRequests).toBeLessThanOrEqual(input.concurrency);
    expect(mostRequests).toBeGreaterThan(1);
    // The other end learns of it a moment later.
    await eventually(async () => (await siteStatus()).connections === 0);
  });

  test('a page that somebody wants skipped is given up alone, in the middle of its try', async () => {
    const path = await app.task('CrawlTask', { concurrency: 8, pageTimeout: 60_000 });
    await using stream = await app.watch(path, 20_000);
    // All but the silent page: it is the only one that can still be open.
    await stream.next<Progress>(({ data }) => (data as Partial<Progress> | null)?.done === 60);
    // A signal that names no page is no reason to end the crawl.
    for (const unusable of [undefined, {}, { path: 37 }])
      await app.request('POST', `${path}/signals/skip`, unusable);
    await stream.next('unusable-signal');
    await app.request('POST', `${path}/signals/skip`, { path: '/pages/37' });
    const { data } = await stream.next<{ finalValue: Summary }>('completed');
    expect(sorted(data.finalValue)).toEqual({ ...wholeSite, timedOut: [], skipped: ['/pages/37'] });
  });

  test('cancelled half-way: every connection is closed, and the summary still comes', async () => {
    await using slow = await SampleApp.start(SAMPLE, { env: { SITE_LATENCY: '100' } });
    // No page is given up for its time before the test is.
    const path = await slow.task('CrawlTask', { ...input, pageTimeout: 60_000 });
    await using stream = await slow.watch(path, 20_000);
    await stream.next<Progress>(({ data }) => (data as Partial<Progress> | null)?.done === 30);
    expect((await siteStatus(slow)).connections).toBeGreaterThan(1);

    const { status, body } = await slow.request('DELETE', `${path}?detail=enough`);
    expect({ status, body }).toEqual({ status: 202, body: { cancelled: true, status: 'cancelling' } });
    await eventually(async () => (await siteStatus(slow)).connections === 0);

    const { data: summary } = await stream.next<Summary>('summary');
    expect(summary).toMatchObject({ whole: false });
    expect(summary.read).toBeGreaterThan(20);
    expect(summary.read).toBeLessThan(wholeSite.read);
    expect(await stream.next()).toMatchObject({
      type: 'cancelled',
      data: { reason: 'external_cancellation', detail: 'enough' },
    });
    expect(await stream.ended).toBe('complete');
    expect(await reportOf(path, slow)).toEqual(summary);
    expect(await siteStatus(slow)).toMatchObject({ connections: 0, requests: 0 });
  });

  test.each([{ concurrency: 0 }, { pageTimeout: 'long' }, { attempts: 1.5 }])('refuses %j', async (wrong) => {
    const { status, body } = await app.request('POST', '/stream/app/CrawlTask', wrong);
    expect({ status, code: body['code'] }).toEqual({ status: 400, code: 'INVALID_INPUT' });
  });

  test('SIGTERM in the middle of a crawl: its watchers are told, and the process ends by itself', async () => {
    await using slow = await SampleApp.start(SAMPLE, { env: { SITE_LATENCY: '200' } });
    const path = await slow.task('CrawlTask', input);
    await using stream = await slow.watch(path);
    await stream.next('page');
    // Somebody else's connection to the site does not hold it up.
    const { hostname, port } = new URL((await siteStatus(slow)).url);
    const other = connect(Number(port), hostname).on('error', () => undefined);
    await once(other, 'connect');

    const began = performance.now();
    expect(await slow.stop()).toEqual({ code: null, signal: 'SIGTERM' });
    expect(performance.now() - began).toBeLessThan(closeBound);
    expect((await stream.next('summary')).data).toMatchObject({ whole: false });
    expect((await stream.next('cancelled')).data).toMatchObject({ reason: 'shutdown' });
    expect(await stream.ended).toBe('complete');
    other.destroy();
  });

  test('says so when its port is taken', async () => {
    await expect(SampleApp.start(SAMPLE, { port: app.port })).rejects.toThrow(
      `Port ${app.port} is taken; choose another: PORT=${app.port + 1}`,
    );
  });
});

describe('the demo of structured concurrency', () => {
  test('starts, watches, cancels half-way, finds nothing left, and ends by itself', async () => {
    await using demo = await SampleApp.run(SAMPLE, { args: ['--demo'], env: { SITE_LATENCY: '50' } });
    const exit = await withTimeout(demo.exit, 20_000, () => `the end of the demo:\n${demo.output}`);
    expect({ ...exit, output: demo.output }).toMatchObject({ code: 0, signal: null });
    const lines = demo.output.split('\n').map((line) => line.trim());
    expect(lines).toContainEqual(expect.stringMatching(/^summary +\{"whole":false,/));
    expect(lines).toContainEqual(expect.stringMatching(/^cancelled +\{.*"detail":"half is enough"\}$/));
    const left = lines.slice(lines.findIndex((line) => line.endsWith('What is left:')) + 1).filter(Boolean);
    expect(left.map((line) => line.replace(/ {2,}/, ': '))).toEqual([
      'connections that the site has open: 0',
      'requests that it still answers: 0',
      'sockets in this process: 0',
      'timers in this process: 0',
    ]);
  });
});

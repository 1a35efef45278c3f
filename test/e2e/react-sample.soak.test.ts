import { afterAll, afterEach, beforeAll, beforeEach, expect, jest, test } from '@jest/globals';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Locator, Page } from 'playwright-core';
import { SampleApp } from '../sample/sample-app.js';
import { describeWithChromium, launchChromium } from '../support/browsers/chromium.js';
import { eventually } from '../support/wait.js';

// Every wait in here has its own bound; together they may take longer than Jest allows a test.
jest.setTimeout(60_000);

describeWithChromium('the sample on React', (executablePath) => {
  let app: SampleApp;
  let browser: Browser;
  let page: Page;
  let files: string;
  const faults: string[] = [];

  beforeAll(async () => {
    files = await mkdtemp(join(tmpdir(), 'csv-'));
    [app, browser] = await Promise.all([SampleApp.start('04-react'), launchChromium(executablePath)]);
  });

  beforeEach(async () => {
    page = await browser.newPage();
    page.setDefaultTimeout(10_000);
    page.on('pageerror', (error) => faults.push(String(error)));
    page.on('console', (line) => {
      if (['error', 'warning'].includes(line.type())) faults.push(line.text());
    });
    await page.goto(app.url);
  });

  afterEach(async () => {
    await page.close();
    expect(faults.splice(0)).toEqual([]);
  });

  afterAll(async () => {
    await browser.close();
    await app[Symbol.asyncDispose]();
    await rm(files, { recursive: true });
  });

  const section = (name: string): Locator => page.getByRole('region', { name, exact: true });
  const button = (name: string, within: string): Locator =>
    section(within).getByRole('button', { name, exact: true });
  const text = (): Promise<string> => page.getByLabel('Answer', { exact: true }).innerText();

  async function ask(question: string): Promise<void> {
    await page.getByLabel('Question').fill(question);
    await button('Ask', 'Ask').click();
  }

  async function written(words: RegExp): Promise<void> {
    await page.getByLabel('Answer', { exact: true }).getByText(words).waitFor();
  }

  async function statusOf(parameter: string, name: string): Promise<unknown> {
    const id = new URL(page.url()).searchParams.get(parameter);
    return (await app.request('GET', `/stream/app/${name}/${id}/status`)).body['status'];
  }

  async function choose(name: string, lines: readonly string[]): Promise<void> {
    const path = join(files, name);
    await writeFile(path, lines.join('\n'));
    await page.getByLabel('A file').setInputFiles(path);
  }

  test('an answer comes word by word, and a reload in the middle loses and doubles nothing', async () => {
    await ask('Why?');
    await written(/ 5, /);
    await page.reload();
    await written(/ 20, /);
    expect(await section('Ask').getByText('That is all.').count()).toBe(0);
    await section('Ask').getByText('That is all.').waitFor();
    const numbers = [...(await text()).matchAll(/\b\d+\b/g)].map(Number);
    expect(numbers).toEqual(Array.from({ length: 40 }, (_, index) => index + 1));
    expect(await text()).toMatch(/^You have asked: "Why\?" I am no model.* not only the page\.$/);
  });

  test('Stop ends the work, and keeps what was written', async () => {
    await ask('How long?');
    await written(/ 3, /);
    await button('Stop', 'Ask').click();
    await section('Ask').getByText('Stopped.').waitFor();
    expect(await statusOf('answer', 'AnswerTask')).toBe('cancelled');
    expect(await text()).toContain(' 3, ');
    expect(await text()).not.toContain(' 40');
  });

  test('the keyboard stays where it was when a button has been pressed', async () => {
    await ask('How long?');
    await written(/ 3, /);
    const stop = button('Stop', 'Ask');
    await stop.press('Enter');
    await section('Ask').getByText('Stopped.').waitFor();
    expect(await page.locator('button:focus').innerText()).toBe('Stop');
    expect(await stop.isDisabled()).toBe(true);
  });

  test('a page that is closed stops nothing', async () => {
    await ask('And now?');
    await written(/ 2, /);
    const address = page.url();
    await page.goto('about:blank');
    await page.goto(address);
    await section('Ask').getByText('That is all.').waitFor();
    expect(await statusOf('answer', 'AnswerTask')).toBe('completed');
  });

  test('what the server refuses stands beside the question', async () => {
    await ask(' ');
    await section('Ask').getByRole('alert').waitFor();
    expect(new URL(page.url()).searchParams.has('answer')).toBe(false);
    // Chromium says what was answered.
    expect(faults.splice(0)).toEqual([expect.stringContaining('400')]);
  });

  test('a file becomes an import, with its progress and what was refused', async () => {
    const apples = Array.from({ length: 60 }, (_, index) => `apples,${index}`);
    await choose('fruit.csv', ['pears', 'plums,many', ...apples]);
    await section('Import').getByText('60 imported, 2 refused.').waitFor();
    expect(await section('Import').getByRole('listitem').allInnerTexts()).toEqual([
      'Line 1 was refused: expected name,amount',
      'Line 2 was refused: "many" is no amount',
    ]);
    await eventually(async () => (await readdir(app.dataDirectory)).length === 0);
  });

  test('an import is cancelled in the table of all tasks, and leaves no file', async () => {
    await choose(
      'much.csv',
      Array.from({ length: 5_000 }, (_, index) => `apples,${index}`),
    );
    await section('Import')
      .getByText(/^\d+ lines$/)
      .waitFor();
    const row = page.getByRole('row', { name: /ImportTask .*running/ });
    await row.getByRole('button').click();
    await section('Import').getByText('It ended: cancelled.').waitFor();
    expect(await statusOf('import', 'ImportTask')).toBe('cancelled');
    await eventually(async () => (await readdir(app.dataDirectory)).length === 0);
  });

  test('an import that is cancelled while it waits leaves no file', async () => {
    const refs: string[] = [];
    for (let count = 0; count < 3; count++) {
      const upload = await fetch(`${app.url}/uploads`, {
        method: 'POST',
        headers: { 'content-type': 'text/csv' },
        body: 'apples,1\n'.repeat(1_000),
      });
      const { file } = (await upload.json()) as { file: string };
      refs.push(`/stream/app/ImportTask/${file}`);
      expect((await app.request('PUT', refs[count]!, { name: 'a.csv' })).status).toBe(201);
    }
    expect((await app.request('GET', `${refs[2]!}/status`)).body).toMatchObject({ status: 'pending' });
    for (const ref of refs.toReversed()) await app.request('DELETE', ref);
    await eventually(async () => (await readdir(app.dataDirectory)).length === 0);
  });

  test('an address that names no task says so, and asking goes on', async () => {
    await page.goto(`${app.url}/?answer=a%20b`);
    await section('Ask').getByRole('alert').filter({ hasText: 'a b' }).waitFor();
    faults.splice(0);
    await ask('Again?');
    await written(/ 2, /);
  });

  test('a file that is too large is refused, and not kept', async () => {
    await choose('large.csv', ['x'.repeat(10_000_001)]);
    await section('Import').getByRole('alert').filter({ hasText: 'large.csv' }).waitFor();
    await eventually(async () => (await readdir(app.dataDirectory)).length === 0);
    // Chromium says what was answered.
    expect(faults.splice(0)).toEqual([expect.stringContaining('413')]);
  });
});

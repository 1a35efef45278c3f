/** The page of the dashboard in a real browser, under its strict policy. */
import { expect, it, jest } from '@jest/globals';
import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { z } from 'zod';
import { handlerTask } from '../support/app.js';
import { deferred, eventually } from '../support/wait.js';
import { type DashboardPage, describePages } from './page-app.js';
import { createDashboardApp, type DashboardApp, type DashboardAppOptions } from './support.js';

jest.setTimeout(120_000);

/** Goes on until it is cancelled, and then cleans up until it is let go. */
function stubbornTask(name = 'Import') {
  const cleaned = deferred();
  const type = handlerTask(
    async (task) => {
      try {
        await task.progress({ percent: 40, message: 'reading rows' });
        await task.sleep(600_000);
      } finally {
        await task.shield(() => cleaned.promise);
      }
    },
    { name, grace: 60_000 },
  );
  return { type, cleaned };
}

const waits = (name: string) => handlerTask((task) => task.sleep(600_000), { name });

describePages('the page of the dashboard', (openPage, open) => {
  const createApp = (options: DashboardAppOptions): Promise<DashboardApp> =>
    createDashboardApp({
      forceCloseConnections: true,
      dashboard: { access: () => true, by: () => 'ada' },
      ...options,
    });

  it('shows tasks as they come, go on and end, by filter and with counts', async () => {
    const { type, cleaned } = stubbornTask();
    const done = handlerTask(() => 'done', { name: 'Digest' });
    const failing = handlerTask(() => Promise.reject(new Error('no disk')), { name: 'Backup' });
    const app = await createApp({ tasks: [type, done, failing] });
    const { page } = await openPage(app.page);
    await page.getByText('No tasks yet').waitFor();
    const first = await app.coordinator.start(type, {}, { id: 'one', owner: 'grace' });
    const row = page.getByRole('row', { name: /Import one/ });
    await row.getByRole('progressbar').waitFor();
    await expect(row.getByRole('progressbar').getAttribute('aria-valuenow')).resolves.toBe('40');
    await row.getByText('reading rows').waitFor();
    await app.coordinator.start(done, {}, { id: 'two' });
    await app.coordinator.start(failing, {}, { id: 'three' });
    await page
      .getByRole('row', { name: /Backup three/ })
      .getByText('no disk')
      .waitFor();
    await page.getByRole('button', { name: 'All 3' }).waitFor();

    await page.getByRole('button', { name: 'Running 1' }).click();
    await page.getByText('1 of 1 task').waitFor();
    await page.getByRole('button', { name: 'All 3' }).click();
    await page.getByLabel('Text').fill('DISK');
    await page.getByText('1 of 1 task').waitFor();
    expect(page.url()).toContain('text=DISK');
    await page.getByRole('button', { name: 'Clear', exact: true }).click();
    await page.getByLabel('Type').selectOption('test/Digest');
    await page.getByText('1 of 1 task').waitFor();
    await page.getByRole('row', { name: /Digest two/ }).waitFor();
    // The filter is in the address.
    await page.reload();
    await page.getByText('1 of 1 task').waitFor();
    await page.getByRole('button', { name: 'Clear', exact: true }).click();
    await page.getByText('3 of 3 tasks').waitFor();
    await page.getByLabel('Owner').fill('nobody');
    await page.getByText('No task matches').waitFor();
    await page.getByRole('button', { name: 'Clear', exact: true }).click();
    cleaned.resolve();
    await first.cancel();
    await page.getByRole('button', { name: 'Cancelled 1' }).waitFor();
  });

  it('cancels a task with the keyboard alone, and shows each phase', async () => {
    const { type, cleaned } = stubbornTask();
    const app = await createApp({ tasks: [type] });
    const handle = await app.coordinator.start(type, {}, { id: 'one', owner: 'grace' });
    const dashboard = await openPage(app.page);
    const { page } = dashboard;
    await page.getByRole('row', { name: /Import one/ }).waitFor();
    await dashboard.tabTo(/Import one/);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Timeline' }).waitFor();
    await eventually(async () => expect(await dashboard.focused()).toBe('test/Import'));
    await dashboard.tabTo(/^Cancel…$/);
    await page.keyboard.press('Enter');
    await page.getByRole('dialog', { name: 'Cancel Import?' }).waitFor();
    // Escape leaves all as it was, and the focus where it was.
    await page.keyboard.press('Escape');
    await eventually(async () => expect(await dashboard.focused()).toBe('Cancel…'));
    expect(handle.status).toBe('running');
    await page.keyboard.press('Enter');
    expect(await page.evaluate(`document.activeElement.tagName`)).toBe('TEXTAREA');
    await page.keyboard.type('the wrong file');
    await dashboard.tabTo(/Cancel the task/);
    await page.keyboard.press('Enter');
    const phases = page.getByRole('region', { name: 'Cancellation' });
    await phases.locator('[aria-current=step]', { hasText: 'Cleaning up' }).waitFor();
    await phases.getByText('by ada: “the wrong file”').waitFor();
    await dashboard.expectAccessible();
    cleaned.resolve();
    await phases.getByText('as cancelled').waitFor();
    expect((await handle.outcome).reason).toMatchObject({ by: 'ada', detail: 'the wrong file' });
    await page
      .getByRole('region', { name: 'Events' })
      .getByText('cancelled', { exact: true })
      .last()
      .waitFor();
    await dashboard.tabTo(/All tasks/);
    await page.keyboard.press('Enter');
    await page.getByRole('row', { name: /Import one/ }).waitFor();
  });

  it('cancels all that the filter matches, a thousand and those that come meanwhile', async () => {
    const type = waits('Import');
    const other = waits('Other');
    const app = await createApp({ tasks: [type, other] });
    const kept = await app.coordinator.start(other, {});
    const handles = await Promise.all(Array.from({ length: 1_000 }, () => app.coordinator.start(type, {})));
    let more = 25;
    for (const { outcome } of handles) {
      void outcome.then(async () => {
        if (more-- > 0) handles.push(await app.coordinator.start(type, {}));
      });
    }
    const dashboard = await openPage(`${app.page}#/?type=test/Import`);
    const { page } = dashboard;
    await page.getByRole('button', { name: 'Cancel all 1 000…' }).click();
    const dialog = page.getByRole('dialog', { name: 'Cancel 1 000 tasks?' });
    await dialog.getByLabel('Why').fill('wrong bucket');
    await dashboard.expectAccessible();
    await dialog.getByRole('button', { name: 'Cancel 1 000 tasks' }).click();
    await dialog.getByText('Nothing that matches is left.').waitFor();
    await dialog.getByText('1 025 of 1 025 cancelled').waitFor();
    await dialog.getByText('25 came meanwhile').waitFor();
    await dialog.getByRole('button', { name: 'Close' }).click();
    await page.getByRole('button', { name: 'Cancelled 1 025' }).waitFor();
    expect(await kept.snapshot()).toMatchObject({ status: 'running' });
    expect((await handles.at(-1)!.outcome).reason).toMatchObject({ detail: 'wrong bucket', by: 'ada' });
  });

  it('starts a task by the form of its schema or by JSON, signals it, and starts it again', async () => {
    const type = handlerTask(
      async (task) => ({ input: task.input, signal: await task.waitForSignal('go') }),
      {
        name: 'Report',
        input: z.object({
          month: z.number().int().min(1).max(12),
          kind: z.enum(['short', 'long']).default('short'),
          title: z.string().optional(),
          draft: z.boolean().optional(),
          tags: z.array(z.string()).optional(),
        }),
      },
    );
    const odd = handlerTask((task) => task.input, {
      name: 'Odd',
      input: z.union([z.string(), z.array(z.number())]),
    });
    const app = await createApp({ tasks: [type, odd] });
    const dashboard = await openPage(app.page);
    dashboard.expectsRefusals = true;
    const { page } = dashboard;
    await page.getByRole('button', { name: 'Start…' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Type').selectOption('test/Odd');
    await dialog.getByLabel('Input as JSON').fill('[1,');
    await dialog.getByRole('button', { name: 'Start', exact: true }).click();
    await dialog.getByRole('alert').getByText('The input is not JSON').waitFor();
    await dialog.getByLabel('Input as JSON').fill('{"a":1}');
    await dialog.getByRole('button', { name: 'Start', exact: true }).click();
    await dialog.getByRole('alert').getByText(/input/i).first().waitFor();

    await dialog.getByLabel('Type').selectOption('test/Report');
    await dashboard.expectAccessible();
    await dialog.getByLabel('month').fill('11');
    await dialog.getByLabel('kind').selectOption('long');
    await dialog.getByLabel('title').fill('November');
    await dialog.getByLabel('draft').check();
    await dialog.getByLabel('tags').fill('a');
    await dialog.getByLabel('Id').fill('november');
    await dialog.getByRole('button', { name: 'Start', exact: true }).click();
    await page.getByRole('heading', { name: 'test/Report' }).waitFor();
    await page.getByRole('button', { name: 'Signal…' }).click();
    await dialog.getByLabel('Name').fill('go');
    await dialog.getByLabel('Data').fill('{"by":"page"}');
    await dialog.getByRole('button', { name: 'Send' }).click();
    await page.getByRole('region', { name: 'Result' }).waitFor();
    const { finalValue } = (await app.coordinator.get({ app: 'test', name: 'Report', id: 'november' }))!;
    expect(finalValue).toEqual({
      input: { month: 11, kind: 'long', title: 'November', draft: true, tags: ['a'] },
      signal: { by: 'page' },
    });
    await dashboard.expectAccessible();

    await page.getByRole('button', { name: 'Start again…' }).click();
    await dialog.getByRole('button', { name: 'As JSON' }).click();
    await dialog.getByLabel('Input as JSON').fill('{"month":13}');
    await dialog.getByRole('button', { name: 'Start', exact: true }).click();
    await dialog.getByText('month').first().waitFor();
    await dialog.getByLabel('Input as JSON').fill('{"month":12}');
    await dialog.getByRole('button', { name: 'Start', exact: true }).click();
    await page.getByRole('button', { name: 'Cancel…' }).waitFor();
    expect(await app.coordinator.get({ app: 'test', name: 'Report', id: 'november' })).toMatchObject({
      status: 'running',
    });
  });

  it('goes on after a reload in the middle, in two tabs, and after a restart of the server', async () => {
    const type = handlerTask(
      async (task) => {
        for (let n = 1; ; n++) {
          await task.sendEvent('step', { n });
          await task.sleep(50);
        }
      },
      { name: 'Steps' },
    );
    const app = await createApp({ tasks: [type] });
    await app.coordinator.start(type, {}, { id: 'one' });
    const first = await openPage(`${app.page}#/task/test/Steps/one`);
    const second = await openPage(`${app.page}#/task/test/Steps/one`);
    const numbers = async ({ page }: DashboardPage): Promise<number[]> => {
      const lines = await page.locator('.events li', { hasText: 'step' }).locator('code').allTextContents();
      return lines.map((line) => (JSON.parse(line) as { n: number }).n).toReversed();
    };
    const expectWhole = async (page: DashboardPage, least: number): Promise<void> => {
      await eventually(async () => expect((await numbers(page)).length).toBeGreaterThan(least));
      const seen = await numbers(page);
      expect(seen).toEqual(seen.map((_, index) => (seen[0] ?? 0) + index));
    };
    await expectWhole(first, 10);
    await first.page.reload();
    await expectWhole(first, 20);
    await second.context.close();
    open.delete(second);
    await expectWhole(first, 30);
    first.expectsRefusals = true;
    const { port } = app;
    await app.close();
    await first.page.getByText('Not connected').waitFor();
    const again = await createApp({ tasks: [type], listen: false });
    await again.app.listen(port, '127.0.0.1');
    await first.page
      .getByText(/no longer kept|There is no such task/)
      .first()
      .waitFor();
    await first.page.getByRole('link', { name: 'All tasks' }).click();
    await first.isLive();
    await first.page.getByText('No tasks yet').waitFor();
    await again.coordinator.start(type, {}, { id: 'two' });
    await first.page.getByRole('row', { name: /Steps two/ }).waitFor();
  });

  it('shows what its user may do and see, and nothing else', async () => {
    const type = waits('Import');
    const app = await createApp({
      tasks: [type],
      dashboard: {
        access: ({ action, task }) => action === 'view' && task?.owner !== 'grace',
        redact: (shown) => JSON.parse(JSON.stringify(shown).replaceAll('4111', '****')) as typeof shown,
      },
    });
    await app.coordinator.start(type, {}, { id: 'one', owner: 'ada', metadata: { card: '4111' } });
    await app.coordinator.start(type, {}, { id: 'two', owner: 'grace' });
    const dashboard = await openPage(app.page);
    const { page } = dashboard;
    await page.getByText('1 of 1 task').waitFor();
    expect(await page.getByRole('button', { name: /^(Start|Cancel all)/ }).count()).toBe(0);
    await page.getByRole('link', { name: /one/ }).click();
    await page.getByText('"card": "****"').waitFor();
    expect(await page.getByRole('button', { name: /^(Cancel|Signal)…/ }).count()).toBe(0);
    dashboard.expectsRefusals = true;
    await page.goto(`${app.page}#/task/test/Import/two`);
    await page.getByText('There is no such task').waitFor();
  });

  it('works below a prefix, behind a proxy with a path of its own, and with a slash at the end', async () => {
    const type = waits('Import');
    const app = await createApp({ tasks: [type], configure: (nest) => nest.setGlobalPrefix('internal/v1') });
    await app.coordinator.start(type, {}, { id: 'one' });
    const proxy = createServer((request, response) => {
      const path = (request.url ?? '')
        .replace(/^\/ops\/jobs\/?/, '/internal/v1/streaming/')
        .replace(/\/(?=$|\?)/, '');
      const upstream = httpRequest(
        { port: app.port, host: '127.0.0.1', path, method: request.method, headers: request.headers },
        (answer) => {
          response.writeHead(answer.statusCode ?? 502, answer.headers);
          answer.pipe(response);
        },
      );
      response.on('close', () => upstream.destroy());
      request.pipe(upstream);
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    try {
      const origin = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
      for (const url of [
        `${app.origin}/internal/v1/streaming`,
        `${origin}/ops/jobs`,
        `${origin}/ops/jobs/`,
      ]) {
        const dashboard = await openPage(url);
        await dashboard.page.getByRole('row', { name: /Import one/ }).waitFor();
        await dashboard.page.getByRole('link', { name: /one/ }).click();
        await dashboard.page.getByRole('button', { name: 'Cancel…' }).waitFor();
        open.delete(dashboard);
        await dashboard.close();
      }
    } finally {
      proxy.closeAllConnections();
      proxy.close();
    }
  });

  it.each(['light', 'dark'] as const)('has no violation that axe-core finds, %s', async (colorScheme) => {
    const { type, cleaned } = stubbornTask();
    const failing = handlerTask(() => Promise.reject(new Error('no disk')), { name: 'Backup' });
    const done = handlerTask(() => ({ pages: 3 }), { name: 'Digest' });
    const app = await createApp({ tasks: [type, failing, done] });
    for (const width of [1280, 380]) {
      const dashboard = await openPage(app.page, { colorScheme, viewport: { width, height: 800 } });
      const { page } = dashboard;
      if (width === 1280) {
        await page.getByText('No tasks yet').waitFor();
        await dashboard.expectAccessible();
        await app.coordinator.start(type, {}, { id: 'one', owner: 'grace' });
        const stopped = await app.coordinator.start(type, {}, { id: 'stopped' });
        await app.coordinator.start(failing, {}, { id: 'two' });
        await app.coordinator.start(done, {}, { id: 'three' });
        await app.coordinator.start({ app: 'test', name: 'Digest' }, {}, { id: 'four' });
        await stopped.cancel();
      }
      await page.getByText('5 of 5 tasks').waitFor();
      await dashboard.expectAccessible();
      for (const path of ['Backup/two', 'Digest/three', 'Import/one', 'Import/stopped']) {
        await page.goto(`${app.page}#/task/test/${path}`);
        await page.getByRole('region', { name: 'Events' }).waitFor();
        await dashboard.expectAccessible();
      }
    }
    cleaned.resolve();
  });
});

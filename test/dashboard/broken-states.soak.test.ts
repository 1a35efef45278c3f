/** What each view looks like when something is wrong. `BROKEN_PICTURES=folder` puts the pictures of all of it there, to be looked at. */
import { expect, it, jest } from '@jest/globals';
import { type CanActivate, Injectable, UnauthorizedException } from '@nestjs/common';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TaskEngine } from '../../lib/engine/task-engine.js';
import { z } from 'zod';
import { handlerTask } from '../support/app.js';
import { openStream } from '../support/clients/sse.js';
import { type DashboardPage, describePages } from './page-app.js';
import { createDashboardApp, type DashboardApp } from './support.js';

jest.setTimeout(240_000);

const widths = [380, 1280, 2560] as const;
const schemes = ['light', 'dark'] as const;

const type = handlerTask(
  async (task) => {
    await task.progress({ percent: 40, message: 'reading rows' });
    await task.sleep(600_000);
  },
  { name: 'Import' },
);
const digest = handlerTask(() => ({ sent: 214 }), { name: 'SendDigest' });

const report = handlerTask((task) => task.input, {
  name: 'Report',
  input: z.object({
    title: z.string().describe('Stands above it.'),
    months: z.array(z.number()).optional(),
    format: z.enum(['short', 'long']).default('short'),
    sender: z.object({ name: z.string(), home: z.object({ city: z.string(), zip: z.number().int() }) }),
    copy: z.object({ to: z.string() }).optional(),
    isDraft: z.boolean().optional(),
    extra: z.record(z.string(), z.string()).optional(),
  }),
});

/** In each width and scheme: nothing is cut off, and axe-core finds nothing. */
async function look(dashboard: DashboardPage, name: string): Promise<void> {
  const { page } = dashboard;
  const folder = process.env['BROKEN_PICTURES'];
  for (const colorScheme of schemes) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    for (const width of widths) {
      await page.setViewportSize({ width, height: width < 1_000 ? 800 : width === 1280 ? 800 : 1_440 });
      const beyond = await page.evaluate<number>('document.scrollingElement.scrollWidth - innerWidth');
      expect([name, width, beyond]).toEqual([name, width, 0]);
      if (width < 2_000) await dashboard.expectAccessible();
      if (folder !== undefined) {
        await writeFile(join(folder, `${name}-${width}-${colorScheme}.png`), await page.screenshot());
      }
    }
  }
}

describePages('a broken state of the dashboard', (openPage) => {
  let isSignedIn = true;
  @Injectable()
  class SignedIn implements CanActivate {
    canActivate(): boolean {
      if (!isSignedIn) throw new UnauthorizedException();
      return true;
    }
  }
  const createApp = async (listen = true): Promise<DashboardApp> => {
    const app = await createDashboardApp({
      tasks: [type, digest, report],
      options: {
        http: { owner: (request: { headers: { user?: string } }) => request.headers.user },
      },
      listen,
      forceCloseConnections: true,
      dashboard: { guards: [SignedIn], access: () => true, by: () => 'ada@example.com' },
    });
    for (let n = 0; n < 6; n++) {
      await app.coordinator.start(type, {}, { id: `upload-${4_100 + n}`, owner: n % 2 ? 'ada' : 'grace' });
      await app.coordinator.start(digest, {}, { id: `digest-${n}`, owner: 'linus' });
    }
    return app;
  };
  const task = (app: DashboardApp, id = 'upload-4101') => `${app.page}#/task/test/Import/${id}`;

  it('says that nothing matches, and leads back', async () => {
    const app = await createApp();
    const dashboard = await openPage(`${app.page}#/?text=nowhere&type=test/Import`);
    const { page } = dashboard;
    await page.getByText('No task matches').waitFor();
    await look(dashboard, 'list-no-match');
    await page.getByRole('button', { name: 'Clear the filter' }).click();
    await page.getByText('12 of 12 tasks').waitFor();
  });

  it('says that the tasks cannot be listed, and shows what it knew', async () => {
    const app = await createApp();
    const dashboard = await openPage(app.page);
    const { page } = dashboard;
    await page.getByText('12 of 12 tasks').waitFor();
    const engine = app.app.get(TaskEngine, { strict: false });
    const away = jest.spyOn(engine, 'list').mockImplementation(() => {
      throw new Error('connect ECONNREFUSED 10.0.3.17:6379');
    });
    await page.getByText('The tasks cannot be listed').waitFor();
    await look(dashboard, 'list-store-away');
    away.mockRestore();
    await page.getByText('The tasks cannot be listed').waitFor({ state: 'detached' });
  });

  it('says that the task cannot be read, and shows what it knew', async () => {
    const app = await createApp();
    const dashboard = await openPage(task(app));
    const { page } = dashboard;
    await page.getByRole('heading', { name: 'Events' }).waitFor();
    await page.getByText('Live', { exact: true }).waitFor();
    const engine = app.app.get(TaskEngine, { strict: false });
    const away = jest
      .spyOn(engine, 'find')
      .mockRejectedValue(new Error('connect ECONNREFUSED 10.0.3.17:6379'));
    await page.getByText('The task cannot be read').waitFor();
    await page.getByText('Out of date', { exact: true }).waitFor();
    await page.getByText('reading rows').first().waitFor();
    await look(dashboard, 'task-store-away');
    away.mockRestore();
    await page.getByText('The task cannot be read').waitFor({ state: 'detached' });
    await page.getByText('Live', { exact: true }).waitFor();
  });

  it('says that the server is away, keeps what it shows, and goes on when it is back', async () => {
    const app = await createApp();
    const { port } = app;
    const [list, one] = [await openPage(app.page), await openPage(task(app))];
    await list.page.getByText('12 of 12 tasks').waitFor();
    await one.page.getByRole('heading', { name: 'Events' }).waitFor();
    for (const page of [list, one]) page.expectsRefusals = true;
    await app.close();
    for (const { page } of [list, one]) await page.getByText('The server cannot be reached').waitFor();
    await look(list, 'list-away');
    await look(one, 'task-away');
    const again = await createApp(false);
    await again.app.listen(port, '127.0.0.1');
    for (const page of [list, one]) await page.isLive();
  });

  it('says that somebody is signed out, and shows nothing of it any more', async () => {
    const app = await createApp();
    const { port } = app;
    const [list, one] = [await openPage(app.page), await openPage(task(app))];
    await list.page.getByText('12 of 12 tasks').waitFor();
    await one.page.getByRole('heading', { name: 'Events' }).waitFor();
    for (const page of [list, one]) page.expectsRefusals = true;
    await app.close();
    isSignedIn = false;
    try {
      const again = await createApp(false);
      await again.app.listen(port, '127.0.0.1');
      for (const { page } of [list, one]) await page.locator('.connection[data-is=refused]').waitFor();
      await look(list, 'list-refused');
      await look(one, 'task-refused');
    } finally {
      isSignedIn = true;
    }
  });

  it('says that a task is not there, or no longer, and leads back', async () => {
    const app = await createApp();
    const [gone, never] = [await openPage(task(app, 'upload-4103')), await openPage(app.page)];
    await gone.page.getByRole('heading', { name: 'Events' }).waitFor();
    for (const page of [gone, never]) page.expectsRefusals = true;
    await never.page.goto(task(app, 'upload-9'));
    await never.page.getByText('There is no such task').waitFor();
    await look(never, 'task-unknown');
    const engine = app.app.get(TaskEngine, { strict: false });
    const away = jest.spyOn(engine, 'find').mockReturnValue(undefined);
    await gone.page.getByText('no longer kept').first().waitFor();
    await look(gone, 'task-gone');
    away.mockRestore();
    await never.page.getByRole('link', { name: 'All tasks' }).first().click();
    await never.page.getByText('12 of 12 tasks').waitFor();
  });

  it('has beside it those that are whole: a task that is watched, and a form', async () => {
    const app = await createApp();
    const users = [
      'ada',
      'ada',
      'grace',
      'a-name-that-is-longer-than-others@research.example.com',
      undefined,
    ];
    for (const user of users) {
      await openStream(`${app.url}/test/Import/upload-4101`, user === undefined ? {} : { headers: { user } });
    }
    const form = await openPage(app.page);
    await form.page.getByRole('button', { name: 'Start…' }).click();
    await form.page.getByRole('dialog').getByLabel('Type').selectOption('test/Report');
    await form.page.getByRole('checkbox', { name: 'copy' }).check();
    await look(form, 'form');
    const dashboard = await openPage(task(app));
    await dashboard.page.getByRole('heading', { name: 'Events' }).waitFor();
    await dashboard.page.getByText('2 B', { exact: true }).waitFor();
    await dashboard.page.getByRole('region', { name: 'Watched by' }).getByText('grace').waitFor();
    await look(dashboard, 'task-well');
  });
});

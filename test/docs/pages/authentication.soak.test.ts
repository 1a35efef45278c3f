import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { CanActivate, INestApplication, Type } from '@nestjs/common';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TaskAuthorizer, TaskContext } from 'nestjs-streaming';
import type { Browser, Page } from 'playwright-core';
import { createTaskApp, handlerTask, type TaskApp } from '../../support/app.js';
import { describeWithChromium, launchChromium } from '../../support/browsers/chromium.js';
import { eventually } from '../../support/wait.js';
import { page } from '../support/documents.js';
import { Examples } from '../support/examples.js';
import { listenTo } from '../support/listen.js';

interface SessionsService {
  open(user: string): string;
  close(id: string): void;
}

interface UserRequest {
  user?: string | undefined;
}

interface Sessions {
  SessionsModule: Type;
  SessionsService: Type<SessionsService>;
  SessionGuard: Type<CanActivate>;
}

describe('the page on authentication', () => {
  const examples = new Examples(page('authentication'));
  const load = <T>(file: string): Promise<T> => examples.load<T>(file);
  const loadSessions = (): Promise<Sessions> => load('sessions.module.ts');
  const loadAuthorized = (): Promise<{ ReportsModule: Type; OwnerAuthorizer: Type<TaskAuthorizer> }> =>
    load('authorized.module.ts');

  test('a guard, an authorizer and owners', async () => {
    const { SessionsService } = await loadSessions();
    const { ReportsModule } = await loadAuthorized();
    const sessions: SessionsService[] = [];
    const open = (user: string): string => sessions[0]!.open(user);
    const origin = await listenTo(ReportsModule, (app) => {
      sessions.push(app.get<SessionsService>(SessionsService, { strict: false }));
    });
    const url = `${origin}/stream/reports/ReportTask/november`;
    const [ann, bob] = [open('ann'), open('bob')];
    const as = (session: string, method = 'GET'): RequestInit => ({
      method,
      headers: { authorization: `Bearer ${session}`, 'content-type': 'application/json' },
      ...(method === 'PUT' && { body: '{"month":"2026-11"}' }),
    });
    expect((await fetch(url, { method: 'PUT' })).status).toBe(401);
    expect((await fetch(url, as('forged', 'PUT'))).status).toBe(401);
    expect((await fetch(url, as(ann, 'PUT'))).status).toBe(201);
    expect((await fetch(url, as(bob, 'PUT'))).status).toBe(404);
    expect((await fetch(url, as(bob, 'DELETE'))).status).toBe(404);
    expect(await (await fetch(`${url}/status`, as(ann))).json()).toMatchObject({ owner: 'ann' });
    const ofBob = await (await fetch(`${origin}/stream`, as(bob))).json();
    expect(ofBob).toEqual({ items: [], nextCursor: null });
    const ofAnn = await (await fetch(`${origin}/stream`, as(ann))).json();
    expect(ofAnn).toMatchObject({ items: [{ id: 'november' }], nextCursor: null });
  });

  describeWithChromium('in a page of another origin', (executablePath) => {
    let browser: Browser;
    let pages: Server;
    let tab: Page;

    beforeEach(async () => {
      browser = await launchChromium(executablePath);
      pages = createServer((_request, response) => {
        response.setHeader('content-type', 'text/html').end('<!doctype html>');
      });
      await new Promise<void>((resolve) => void pages.listen(0, '127.0.0.1', resolve));
      process.env['APP_ORIGIN'] = `http://127.0.0.1:${(pages.address() as AddressInfo).port}`;
      tab = await browser.newPage();
      await tab.goto(process.env['APP_ORIGIN']);
    });

    afterEach(async () => {
      delete process.env['APP_ORIGIN'];
      await browser.close();
      pages.closeAllConnections();
      pages.close();
    });

    const Count = handlerTask(
      async (task: TaskContext) => {
        for (let n = 1; ; n++) {
          await task.sendEvent('count', { n });
          await task.sleep(100);
        }
      },
      { app: 'app', name: 'Count' },
    );

    /** An application with the sessions, the authorizer and the CORS of the page; ann is signed in. */
    async function serve(adapter: 'express' | 'fastify', maxAge: number | null = null): Promise<TaskApp> {
      const { SessionsModule, SessionsService, SessionGuard } = await loadSessions();
      const { OwnerAuthorizer } = await loadAuthorized();
      const { configureCors } = await load<{ configureCors(app: INestApplication): void }>(
        'configure-cors.ts',
      );
      const taskApp = await createTaskApp({
        adapter,
        tasks: [Count],
        forceCloseConnections: true,
        configure: configureCors,
        options: {
          imports: [SessionsModule],
          authorize: OwnerAuthorizer,
          http: {
            start: true,
            retry: 100,
            maxAge,
            guards: [SessionGuard],
            owner: (request: UserRequest) => request.user,
          },
        },
      });
      session = taskApp.app.get<SessionsService>(SessionsService, { strict: false }).open('ann');
      signOut = () => taskApp.app.get<SessionsService>(SessionsService, { strict: false }).close(session);
      await tab
        .context()
        .addCookies([
          { name: 'session', value: session, url: taskApp.origin, sameSite: 'Lax', httpOnly: true },
        ]);
      return taskApp;
    }

    let session: string;
    let signOut: () => void;

    test.each(['express', 'fastify'] as const)(
      'a task is started, watched and cancelled with its cookie (%s)',
      async (adapter) => {
        const { origin } = await serve(adapter);
        const seen = await tab.evaluate(async (api) => {
          const start = await fetch(`${api}/stream/app/Count`, {
            method: 'POST',
            credentials: 'include',
            headers: { 'Content-Type': 'application/json' },
            body: '{}',
          });
          const location = start.headers.get('Location') ?? 'hidden';
          const stream = new EventSource(api + location, { withCredentials: true });
          await new Promise((resolve) => {
            stream.addEventListener('count', resolve);
          });
          const stop = await fetch(api + location, { method: 'DELETE', credentials: 'include' });
          await new Promise((resolve) => {
            stream.addEventListener('cancelled', resolve);
          });
          stream.close();
          const anonymous = new EventSource(api + location);
          await new Promise((resolve) => {
            anonymous.addEventListener('error', resolve);
          });
          return {
            started: start.status,
            location,
            stopped: stop.status,
            anonymous: anonymous.readyState,
          };
        }, origin);
        expect(seen).toMatchObject({ started: 201, stopped: 202, anonymous: 2 });
        expect(seen.location).toMatch(/^\/stream\/app\/Count\/[\w-]+$/);
      },
    );

    test('a stream goes on after each maxAge, and gives up when the session has ended', async () => {
      const { origin, coordinator } = await serve('express', 1_000);
      const { id } = await coordinator.start(Count, {}, { owner: 'ann' });
      await tab.evaluate((url) => {
        const state = { counts: [] as number[], opened: 0, closed: false };
        Object.assign(globalThis, { state });
        const stream = new EventSource(url, { withCredentials: true });
        stream.addEventListener('open', () => {
          state.opened++;
        });
        stream.addEventListener('count', (event) => {
          const { data } = event as unknown as { data: string };
          state.counts.push((JSON.parse(data) as { n: number }).n);
        });
        stream.addEventListener('error', () => {
          state.closed = stream.readyState === EventSource.CLOSED;
        });
      }, `${origin}/stream/app/Count/${id}`);
      const state = (): Promise<{ counts: number[]; opened: number; closed: boolean }> =>
        tab.evaluate(
          () =>
            (globalThis as unknown as { state: { counts: number[]; opened: number; closed: boolean } }).state,
        );
      await eventually(async () => expect((await state()).opened).toBeGreaterThan(1), { timeout: 10_000 });
      signOut();
      await eventually(async () => expect((await state()).closed).toBe(true), { timeout: 10_000 });
      const { counts } = await state();
      expect(counts).toEqual(counts.map((_, index) => index + 1));
    });
  });
});

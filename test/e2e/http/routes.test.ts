import { describe, expect, it } from '@jest/globals';
import { BadRequestException } from '@nestjs/common';
import { z } from 'zod';
import { handlerTask } from '../../support/app.js';
import { call, expectError } from '../../support/clients/http-client.js';
import { eventually } from '../../support/wait.js';
import {
  adapters,
  createTaskApp,
  PuppetTask,
  resumeAfter,
  type TaskApp,
  type TaskAppOptions,
  watch,
} from '../../support/watching.js';
import { servePuppet, snapshotKeys } from './support.js';

const isoTime = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as unknown;

describe.each(adapters)('the routes (%s)', (adapter) => {
  const serve = (options: TaskAppOptions = {}, task?: PuppetTask) =>
    servePuppet({ adapter, ...options }, task);

  describe('GET /stream/:app/:name/:id', () => {
    it('answers text/event-stream', async () => {
      const [task, app] = await serve();
      const puppet = await task.start(app);
      const stream = await watch(puppet.url);
      expect([stream.status, stream.headers['content-type']]).toEqual([200, 'text/event-stream']);
      expect(await stream.next()).toMatchObject({ type: 'started', data: { attempt: 1 } });
      expect(stream.retry).toBe(2_000);
      expect(stream.raw).toMatch(/^\n?retry: 2000\n: connected\nevent: started\n/);
    });

    it('is 404 for an unknown task and for an unknown type', async () => {
      const [task, app] = await serve();
      for (const url of [
        task.urlOf(app, 'none'),
        `${app.url}/test/none/x`,
        `${app.url}/none/${task.name}/x`,
        `${app.url}/test/${task.name.toUpperCase()}/x`,
      ]) {
        for (const [method, rest] of [
          ['GET', ''],
          ['GET', '/status'],
          ['DELETE', ''],
          ['POST', '/signals/go'],
        ] as const) {
          expectError(await call(method, url + rest), 404, 'TASK_NOT_FOUND');
        }
      }
      expect(task.calls).toBe(0);
    });

    it('a 404 names the task as its path does', async () => {
      const [, app] = await serve();
      expect((await call('GET', `${app.url}/test/none/x`)).body).toMatchObject({
        message: 'There is no task test/none/x: it was never started, or is no longer kept',
      });
    });

    it('a stream cut off by nobody counts as a watcher until it is closed', async () => {
      const [task, app] = await serve();
      const puppet = await task.start(app);
      const [one, two] = await Promise.all([watch(puppet.url), watch(puppet.url)]);
      await Promise.all([one.next(), two.next()]);
      expect((await call('GET', `${puppet.url}/status`)).body).toMatchObject({ watchers: 2 });
      await one.close();
      await eventually(async () =>
        expect((await call('GET', `${puppet.url}/status`)).body).toMatchObject({ watchers: 1 }),
      );
    });
  });

  describe('HEAD', () => {
    it('answers the headers of the stream and ends, and takes no place', async () => {
      const [task, app] = await serve({ options: { http: { maxStreams: 1 } } });
      const puppet = await task.start(app);
      const stream = await watch(puppet.url);
      await stream.next();
      const head = await call('HEAD', puppet.url);
      expect(head).toMatchObject({ status: 200, text: '' });
      const { date: _date, ...wanted } = stream.headers;
      const { date: _later, connection: _connection, ...got } = head.headers;
      expect(got).toMatchObject({
        'content-type': wanted['content-type'],
        'cache-control': wanted['cache-control'],
      });
      expect(await puppet.handle.snapshot()).toMatchObject({ watchers: 1 });
    });

    it('is 204 with the id of a terminal event, and 404 for an unknown task', async () => {
      const [task, app] = await serve();
      const puppet = await task.start(app);
      await puppet.end();
      const { lastEventId } = await puppet.handle.snapshot();
      expect((await call('HEAD', puppet.url)).status).toBe(200);
      expect(
        (await call('HEAD', puppet.url, { headers: { 'last-event-id': lastEventId ?? '' } })).status,
      ).toBe(204);
      expect((await call('HEAD', task.urlOf(app, 'none'))).status).toBe(404);
    });
  });

  describe('GET /stream/:app/:name/:id/status', () => {
    it('is the snapshot, without what only an authorizer may allow', async () => {
      const [task, app] = await serve();
      const puppet = await task.start(app, { owner: 'ann', metadata: { room: 7 } });
      await puppet.context.progress({ percent: 40, message: 'on the way' });
      const running = await call('GET', `${puppet.url}/status`);
      expect(running.status).toBe(200);
      expect(Object.keys(running.body as object).toSorted()).toEqual(snapshotKeys);
      expect(running.body).toEqual({
        app: 'test',
        name: task.name,
        id: puppet.id,
        status: 'running',
        attempt: 1,
        createdAt: isoTime,
        startedAt: isoTime,
        endedAt: null,
        progress: { percent: 40, message: 'on the way' },
        finalValue: null,
        error: null,
        cancellation: null,
        lastEventId: (await puppet.handle.snapshot()).lastEventId,
        watchers: 0,
      });
      await puppet.handle.cancel({ by: 'ann', detail: 'enough' });
      await puppet.handle.outcome;
      const over = await call('GET', `${puppet.url}/status`);
      expect(over.body).toMatchObject({
        status: 'cancelled',
        endedAt: isoTime,
        cancellation: { kind: 'external', detail: 'enough' },
      });
      expect(over.text).not.toMatch(/"ann"|owner/);
    });

    it('shows the result of a completed task', async () => {
      const [task, app] = await serve();
      const puppet = await task.start(app);
      await puppet.end({ url: 'x' });
      expect((await call('GET', `${puppet.url}/status`)).body).toMatchObject({
        status: 'completed',
        finalValue: { url: 'x' },
        error: null,
      });
    });

    it.each([
      ['a secret', new Error('password is 1234'), { message: 'Internal error', errorType: 'Error' }],
      ['an HttpException', new BadRequestException('no such file'), { message: 'no such file' }],
      ['one marked expose', Object.assign(new Error('too long'), { expose: true }), { message: 'too long' }],
    ])('of a failed task shows %s as watchers may see it', async (_what, error, shown) => {
      const [task, app] = await serve();
      const puppet = await task.start(app);
      const stream = await watch(puppet.url);
      await puppet.fail(error);
      await stream.ended;
      const { text, body } = await call('GET', `${puppet.url}/status`);
      expect(body).toMatchObject({ status: 'failed', error: shown });
      expect((await stream.next('failed')).data).toMatchObject(shown);
      expect(text + stream.raw).not.toMatch(/1234|\.test\.ts/);
      // What is hidden from watchers is logged whole.
      if (shown.message === 'Internal error') expect(app.logs.errors.join('\n')).toContain(error.message);
    });
  });

  describe('POST and PUT', () => {
    const input = z.object({ n: z.number() });
    async function serveDouble(): Promise<[url: string, app: TaskApp]> {
      const type = handlerTask((task) => (task.input as { n: number }).n * 2, { name: 'double', input });
      const app = await createTaskApp({ adapter, tasks: [type], options: { http: { start: true } } });
      return [`${app.url}/test/double`, app];
    }

    it('POST starts a task of its own id: 201, the snapshot, and where to watch it', async () => {
      const [url, app] = await serveDouble();
      const answer = await call('POST', url, { json: { n: 21 } });
      expect(answer.status).toBe(201);
      const { id, status } = answer.body as { id: string; status: string };
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      expect(['pending', 'running', 'completed']).toContain(status);
      expect(Object.keys(answer.body as object).toSorted()).toEqual(snapshotKeys);
      expect(answer.headers.location).toBe(`/stream/test/double/${id}`);
      const stream = await watch(new URL(answer.headers.location ?? '', app.origin).href);
      expect((await stream.next('completed')).data).toEqual({ finalValue: 42 });
    });

    it('PUT starts a task of that id: 201, then 200 and the task that exists', async () => {
      const [url, app] = await serveDouble();
      const first = await call('PUT', `${url}/mine`, { json: { n: 1 } });
      expect(first).toMatchObject({ status: 201, body: { id: 'mine' } });
      expect(first.headers.location).toBe('/stream/test/double/mine');
      await (
        await watch(`${url}/mine`)
      ).ended;
      const second = await call('PUT', `${url}/mine`, { json: { n: 2 } });
      expect(second).toMatchObject({ status: 200, body: { id: 'mine', finalValue: 2 } });
      expect(second.headers.location).toBeUndefined();
      expect((await app.coordinator.list()).items).toHaveLength(1);
    });

    it('an unknown type is 404, and nothing is kept', async () => {
      const [, app] = await serveDouble();
      expectError(await call('POST', `${app.url}/test/none`, { json: {} }), 404, 'TASK_NOT_FOUND');
      expectError(await call('PUT', `${app.url}/test/none/x`, { json: {} }), 404, 'TASK_NOT_FOUND');
      expect((await app.coordinator.list()).items).toEqual([]);
    });

    it('an array is an input as well, and no body is an empty object', async () => {
      const type = handlerTask((task) => task.input, { name: 'echo' });
      const app = await createTaskApp({ adapter, tasks: [type], options: { http: { start: true } } });
      const url = `${app.url}/test/echo`;
      for (const [id, options, wanted] of [
        ['array', { json: [1, 2] }, [1, 2]],
        ['none', {}, {}],
        ['object', { json: { a: 1 } }, { a: 1 }],
      ] as const) {
        expect((await call('PUT', `${url}/${id}`, options)).status).toBe(201);
        const stream = await watch(`${url}/${id}`);
        expect((await stream.next('completed')).data).toEqual({ finalValue: wanted });
      }
    });

    it('over maxPending is 429 with Retry-After', async () => {
      const task = new PuppetTask({ concurrency: 1, maxPending: 1 });
      const [, app] = await serve({ options: { http: { start: true } } }, task);
      await task.start(app);
      const url = `${app.url}/test/${task.name}`;
      expect((await call('POST', url, { json: {} })).status).toBe(201);
      const answer = await call('POST', url, { json: {} });
      expectError(answer, 429, 'TOO_MANY_TASKS');
      expect(answer.headers['retry-after']).toBe('5');
      expect((await app.coordinator.list()).items).toHaveLength(2);
    });
  });

  describe('POST /stream/:app/:name/:id/signals/:signal', () => {
    it('is 202, and the handler gets the body', async () => {
      const [task, app] = await serve();
      const puppet = await task.start(app);
      const got = Promise.all([puppet.context.waitForSignal('go'), puppet.context.waitForSignal('go')]);
      const first = await call('POST', `${puppet.url}/signals/go`, { json: { speed: 3 } });
      expect([first.status, first.text]).toEqual([202, '']);
      expect((await call('POST', `${puppet.url}/signals/go`)).status).toBe(202);
      expect(await got).toEqual([{ speed: 3 }, null]);
    });

    it('is 409 when the task is over', async () => {
      const [task, app] = await serve();
      const puppet = await task.start(app);
      await puppet.end();
      expectError(await call('POST', `${puppet.url}/signals/go`, { json: {} }), 409, 'TASK_ENDED');
    });
  });

  it('a stream that resumes works through the query as well as the header', async () => {
    const [task, app] = await serve();
    const puppet = await task.start(app);
    const { lastEventId } = await puppet.handle.snapshot();
    await puppet.end();
    const stream = await resumeAfter(puppet.url, lastEventId ?? '');
    expect(await stream.next()).toMatchObject({ type: 'completed' });
    const byQuery = await watch(`${puppet.url}?lastEventId=${lastEventId}`);
    expect(await byQuery.next()).toMatchObject({ type: 'completed' });
  });
});

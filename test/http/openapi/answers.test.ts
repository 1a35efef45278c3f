import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import type { IncomingHttpHeaders } from 'node:http';
import {
  type AuthorizeRequest,
  StoreUnavailableError,
  type TaskAuthorizer,
  type TaskContext,
} from 'nestjs-streaming';
import { z } from 'zod';
import { AnswerChecker } from './support/answer-checker.js';
import { createTaskApp, handlerTask, type TaskApp } from '../../support/app.js';
import { Hold, heldEngine } from '../../support/app/held-engine.js';
import { documentOf } from './support/documents.js';

@Injectable()
class HeaderAuthorizer implements TaskAuthorizer<{ headers: IncomingHttpHeaders }> {
  authorize({ request }: AuthorizeRequest<{ headers: IncomingHttpHeaders }>): boolean | 'hide' {
    const { as } = request.headers;
    return as === 'stranger' ? 'hide' : as !== 'guest';
  }
}

const guest = { headers: { as: 'guest' } };
const stranger = { headers: { as: 'stranger' } };
const json = { 'content-type': 'application/json' };

const untilCancelled = (task: TaskContext) => task.waitFor(new Promise<never>(() => {}));
const tasks = [
  handlerTask(untilCancelled, { name: 'Wait', input: z.object({ month: z.string().optional() }) }),
  handlerTask(untilCancelled, { name: 'Full', concurrency: 1, maxPending: 0 }),
  handlerTask(
    (task: TaskContext) => {
      void task.progress({ percent: 50, message: 'half', rows: [1] });
      return { rows: 2 };
    },
    { name: 'Quick' },
  ),
  handlerTask(() => Promise.reject(new Error('secret')), { name: 'Fails' }),
  handlerTask(untilCancelled, { name: 'Slow', timeout: 1 }),
];

const ONE = 'GET /stream/{app}/{name}/{id}';
const MANY = 'GET /stream/events';
const STATUS = 'GET /stream/{app}/{name}/{id}/status';
const CANCEL = 'DELETE /stream/{app}/{name}/{id}';
const SIGNAL = 'POST /stream/{app}/{name}/{id}/signals/{signal}';
const START = 'POST /stream/{app}/{name}';
const PUT = 'PUT /stream/{app}/{name}/{id}';
const LIST = 'GET /stream';

interface Sent {
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

const metAnywhere = new Set<string>();
let promised: string[] = [];

describe.each(['express', 'fastify'] as const)('every answer is as described on %s', (adapter) => {
  let taskApp: TaskApp;
  let closing: TaskApp;
  let checker: AnswerChecker;

  const options = { http: { start: true, list: true, owner: () => 'ann' }, authorize: HeaderAuthorizer };

  beforeAll(async () => {
    taskApp = await createTaskApp({ adapter, tasks, shared: true, options });
    closing = await createTaskApp({ adapter, tasks, shared: true, options: { http: { start: true } } });
    checker = new AnswerChecker(documentOf(taskApp.app, '3.1.1'));
    await ask(PUT, '/test/Quick/done', {}, closing);
    await closing.coordinator.shutdown();
  });

  afterAll(() => {
    ({ promised } = checker);
    for (const answer of checker.met) metAnywhere.add(answer);
  });

  /** Asks, and compares the answer with the document. */
  async function ask(route: string, path: string, { headers = {}, body }: Sent = {}, { url } = taskApp) {
    const [method = ''] = route.split(' ');
    const response = await fetch(`${url}${path}`, { method, headers, ...(body !== undefined && { body }) });
    const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') ?? false;
    const text = isStream ? '' : await response.text();
    if (isStream) await response.body?.cancel();
    checker.check(route, { status: response.status, headers: response.headers, text });
    return {
      status: response.status,
      code: text === '' ? undefined : (JSON.parse(text) as { code?: string }).code,
    };
  }

  async function ended(path: string): Promise<string> {
    await ask(PUT, path);
    const [app = '', name = '', id = ''] = path.slice(1).split('/');
    const events = await fetch(`${taskApp.url}${path}`).then((response) => response.text());
    expect((await taskApp.coordinator.get({ app, name, id }))?.endedAt).not.toBeNull();
    return /id: (\S+)\n\n$/.exec(events)?.[1] ?? '';
  }

  it('of a stream', async () => {
    await ask(PUT, '/test/Wait/watched');
    const last = await ended('/test/Quick/watched');
    expect(await ask(ONE, '/test/Wait/watched')).toMatchObject({ status: 200 });
    expect(await ask(ONE, `/test/Quick/watched?lastEventId=${last}`)).toMatchObject({ status: 204 });
    expect(await ask(ONE, '/test/Wait/a%20b')).toMatchObject({ code: 'INVALID_TASK_ID' });
    expect(await ask(ONE, '/test/Wait/watched?from=now')).toMatchObject({ code: 'INVALID_QUERY' });
    expect(await ask(ONE, '/test/Wait/watched', guest)).toMatchObject({ code: 'FORBIDDEN' });
    expect(await ask(ONE, '/test/Wait/watched', stranger)).toMatchObject({ code: 'TASK_NOT_FOUND' });
    expect(await ask(ONE, '/test/Quick/done', {}, closing)).toMatchObject({ code: 'SHUTTING_DOWN' });
  });

  it('of a stream of many tasks', async () => {
    await ask(PUT, '/test/Wait/listed');
    const last = await ended('/test/Quick/listed');
    const both = '/events?task=test/Wait/listed&task=test/Wait/missing';
    expect(await ask(MANY, both)).toMatchObject({ status: 200 });
    expect(await ask(MANY, `/events?task=test/Quick/listed&lastEventId=${last}`)).toMatchObject({
      status: 204,
    });
    expect(await ask(MANY, '/events?task=test/Wait/a%20b')).toMatchObject({ code: 'INVALID_TASK_ID' });
    expect(await ask(MANY, '/events')).toMatchObject({ code: 'INVALID_QUERY' });
    expect(await ask(MANY, both, guest)).toMatchObject({ code: 'FORBIDDEN' });
    expect(await ask(MANY, '/events?task=test/Wait/missing')).toMatchObject({ code: 'TASK_NOT_FOUND' });
    expect(await ask(MANY, '/events?task=test/Quick/done', {}, closing)).toMatchObject({
      code: 'SHUTTING_DOWN',
    });
  });

  it('of a stream over a limit', async () => {
    const full = await createTaskApp({ adapter, tasks, options: { http: { start: true, maxStreams: 0 } } });
    await ask(PUT, '/test/Wait/full', {}, full);
    expect(await ask(ONE, '/test/Wait/full', {}, full)).toMatchObject({ code: 'TOO_MANY_STREAMS' });
    expect(await ask(MANY, '/events?task=test/Wait/full', {}, full)).toMatchObject({
      code: 'TOO_MANY_STREAMS',
    });
  });

  it('of a snapshot, whatever became of the task', async () => {
    await ask(PUT, '/test/Wait/asked');
    for (const name of ['Quick', 'Fails', 'Slow']) await ended(`/test/${name}/asked`);
    for (const name of ['Wait', 'Quick', 'Fails', 'Slow']) {
      expect(await ask(STATUS, `/test/${name}/asked/status`)).toMatchObject({ status: 200 });
    }
    await taskApp.coordinator.cancelTask('test', 'Wait', 'asked', { by: 'ann', detail: 'enough' });
    expect(await ask(STATUS, '/test/Wait/asked/status')).toMatchObject({ status: 200 });
    expect(await ask(STATUS, '/test/Wait/a%20b/status')).toMatchObject({ code: 'INVALID_TASK_ID' });
    expect(await ask(STATUS, '/test/Wait/asked/status', guest)).toMatchObject({ code: 'FORBIDDEN' });
    expect(await ask(STATUS, '/test/Wait/missing/status')).toMatchObject({ code: 'TASK_NOT_FOUND' });
  });

  it('of a cancellation', async () => {
    for (const id of ['soon', 'now']) await ask(PUT, `/test/Wait/${id}`);
    expect(await ask(CANCEL, '/test/Wait/now?wait=x')).toMatchObject({ code: 'INVALID_QUERY' });
    expect(await ask(CANCEL, '/test/Wait/now', { headers: { 'if-match': 'other' } })).toMatchObject({
      code: 'TASK_ENDED',
    });
    expect(await ask(CANCEL, '/test/Wait/soon?detail=enough')).toMatchObject({ status: 202 });
    expect(await ask(CANCEL, '/test/Wait/now?wait=5000')).toMatchObject({ status: 200 });
    expect(await ask(CANCEL, '/test/Wait/now')).toMatchObject({ code: 'TASK_ENDED' });
    expect(await ask(CANCEL, '/test/Wait/a%20b')).toMatchObject({ code: 'INVALID_TASK_ID' });
    expect(await ask(CANCEL, '/test/Wait/now', guest)).toMatchObject({ code: 'FORBIDDEN' });
    expect(await ask(CANCEL, '/test/Wait/missing')).toMatchObject({ code: 'TASK_NOT_FOUND' });
  });

  it('of a signal', async () => {
    await ask(PUT, '/test/Wait/signalled');
    const path = '/test/Wait/signalled/signals/go';
    expect(await ask(SIGNAL, path)).toMatchObject({ status: 202 });
    expect(await ask(SIGNAL, path, { headers: json, body: '{"n":1}' })).toMatchObject({ status: 202 });
    expect(await ask(SIGNAL, path.replace('go', 'a%20b'))).toMatchObject({ code: 'INVALID_EVENT' });
    expect(await ask(SIGNAL, '/test/Wait/a%20b/signals/go')).toMatchObject({ code: 'INVALID_TASK_ID' });
    expect(await ask(SIGNAL, path, guest)).toMatchObject({ code: 'FORBIDDEN' });
    expect(await ask(SIGNAL, '/test/Wait/missing/signals/go')).toMatchObject({ code: 'TASK_NOT_FOUND' });
    await checkBodies(SIGNAL, path);
    while ((await ask(SIGNAL, path)).status === 202);
    expect(await ask(SIGNAL, path)).toMatchObject({ code: 'TOO_MANY_SIGNALS' });
    await ask(CANCEL, '/test/Wait/signalled?wait=5000');
    expect(await ask(SIGNAL, path)).toMatchObject({ code: 'TASK_ENDED' });
  });

  it.each([
    [START, ''],
    [PUT, '/given'],
  ])('of a start: %s', async (route, id) => {
    const path = `/test/Wait${id}`;
    const body = JSON.stringify({ month: 'may' });
    expect(await ask(route, path, { headers: json, body })).toMatchObject({ status: 201 });
    if (route === PUT) expect(await ask(route, path, { headers: json, body })).toMatchObject({ status: 200 });
    expect(await ask(route, `/test/a%20b${id}`)).toMatchObject({ code: 'INVALID_TASK_ID' });
    const other = `/test/Wait${id && '/other'}`;
    expect(await ask(route, other, { headers: json, body: '{"month":1}' })).toMatchObject({
      code: 'INVALID_INPUT',
    });
    expect(await ask(route, path, guest)).toMatchObject({ code: 'FORBIDDEN' });
    expect(await ask(route, `/test/Missing${id}`)).toMatchObject({ code: 'TASK_NOT_FOUND' });
    await checkBodies(route, other);
    await ask(PUT, '/test/Full/first');
    expect(await ask(route, `/test/Full${id}`)).toMatchObject({ code: 'TOO_MANY_TASKS' });
    expect(await ask(route, path, {}, closing)).toMatchObject({ code: 'SHUTTING_DOWN' });
  });

  /** What frameworks refuse in their own ways. */
  async function checkBodies(route: string, path: string): Promise<void> {
    for (const [type, body, status] of [
      ['application/json', '{"month":', 400],
      ['application/json', '5', 400],
      ['application/json', JSON.stringify({ month: 'x'.repeat(2_000_000) }), 413],
      ['text/plain', 'may', 415],
      ['application/xml', '<month/>', 415],
    ] as const) {
      const answer = await ask(route, path, { headers: { 'content-type': type }, body });
      expect([type, answer.status]).toEqual([type, status]);
    }
  }

  it('of a list', async () => {
    await ask(PUT, '/test/Wait/one');
    await ask(PUT, '/test/Wait/two');
    expect(await ask(LIST, '?limit=1&status=running&app=test&name=Wait')).toMatchObject({ status: 200 });
    expect(await ask(LIST, '')).toMatchObject({ status: 200 });
    expect(await ask(LIST, '?limit=0')).toMatchObject({ code: 'INVALID_QUERY' });
  });

  it('while the store does not answer', async () => {
    const hold = new Hold();
    hold.pass = () => Promise.reject(new StoreUnavailableError('The store does not answer'));
    const http = { start: true, list: true };
    const away = await createTaskApp({
      adapter,
      tasks,
      options: { engine: heldEngine(hold), http },
      logs: 'here',
    });
    const task = '/test/Wait/away';
    for (const [route, path] of [
      [ONE, task],
      [MANY, '/events?task=test/Wait/away'],
      [STATUS, `${task}/status`],
      [CANCEL, task],
      [SIGNAL, `${task}/signals/go`],
      [START, '/test/Wait'],
      [PUT, task],
      [LIST, ''],
    ] as const) {
      expect(await ask(route, path, {}, away)).toEqual({ status: 503, code: 'STORE_UNAVAILABLE' });
    }
  });

  it('and each status of each route was met', () => {
    const statuses = checker.promised.filter((answer) => /\d$/.test(answer));
    expect(statuses.filter((answer) => !checker.met.has(answer))).toEqual([]);
  });
});

describe('every answer that is described', () => {
  // What Express refuses before the route is called, Fastify lets pass, and the other way round.
  it('is given on one of the platforms', () => {
    expect(promised).not.toEqual([]);
    expect(promised.filter((answer) => !metAnywhere.has(answer))).toEqual([]);
  });
});

import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { call, expectError } from '../support/clients/http-client.js';
import { eventually } from '../support/wait.js';
import {
  type Adapter,
  adapters,
  codeOf,
  connectRaw,
  createTaskApp,
  PuppetTask,
  type TaskApp,
  taskRoutes,
} from '../support/watching.js';

/** A task type that takes any input, and one with a schema. Each has one place, which nothing refused may take. */
interface Bench {
  readonly app: TaskApp;
  readonly any: PuppetTask;
  readonly strict: PuppetTask;
  urlOf(task: PuppetTask, id?: string): string;
  /** Nothing was started, nothing is kept, no place is taken, and the application is well. */
  expectUntouched(): Promise<void>;
}

async function createBench(adapter: Adapter): Promise<Bench> {
  const any = new PuppetTask({ concurrency: 1 });
  const strict = new PuppetTask({
    concurrency: 1,
    input: z.object({ n: z.number(), tags: z.array(z.string()).max(2).optional() }),
  });
  const app = await createTaskApp({
    adapter,
    tasks: [any.type, strict.type],
    options: { http: { start: true, list: true } },
  });
  return {
    app,
    any,
    strict,
    urlOf: (task, id = '') => `${app.url}/test/${task.name}${id === '' ? '' : `/${id}`}`,
    async expectUntouched() {
      expect((await app.coordinator.list()).items).toEqual([]);
      expect([any.calls, strict.calls]).toEqual([0, 0]);
      const puppet = await any.start(app, { id: 'proof' });
      await puppet.end('well');
      expect(await puppet.handle.result).toBe('well');
    },
  };
}

describe.each(adapters)('bad input over HTTP (%s)', (adapter) => {
  it('an unknown type or task is 404', async () => {
    const bench = await createBench(adapter);
    const { app, any } = bench;
    for (const name of [
      'none',
      '__proto__',
      'constructor',
      'hasOwnProperty',
      'toString',
      any.name.toUpperCase(),
    ]) {
      expectError(await call('POST', `${app.url}/test/${name}`, { json: {} }), 404, 'TASK_NOT_FOUND');
      expectError(await call('GET', `${app.url}/test/${name}/x`), 404, 'TASK_NOT_FOUND');
      expectError(await call('GET', `${app.url}/${name}/${any.name}/x/status`), 404, 'TASK_NOT_FOUND');
      expectError(await call('DELETE', bench.urlOf(any, name)), 404, 'TASK_NOT_FOUND');
    }
    await bench.expectUntouched();
  });

  it('ids like __proto__ are ordinary ids', async () => {
    const bench = await createBench(adapter);
    for (const id of ['__proto__', 'constructor', 'toString', '...', '-', '~', '0']) {
      const url = bench.urlOf(bench.strict, id);
      expectError(await call('GET', url), 404, 'TASK_NOT_FOUND');
      expect((await call('PUT', url, { json: { n: 1 } })).status).toBe(201);
      expect((await call('GET', `${url}/status`)).body).toMatchObject({ id });
      expect((await call('DELETE', `${url}?wait=1000`)).status).toBe(200);
    }
    expect(({} as { n?: number }).n).toBeUndefined();
  });

  it('malformed ids are 400, on every route', async () => {
    const bench = await createBench(adapter);
    const bad = [
      '%2e',
      '%2e%2e',
      '%2E%2E%2fetc%2fpasswd',
      'a%2fb',
      'a%5cb',
      'a%00',
      '%00',
      'a%0d%0ab',
      'a%20b',
      'a:b',
      'a%3Ab',
      '%F0%9F%92%A5',
      'caf%C3%A9',
      'a%25',
      'a;b',
      'a,b',
      '*',
      "'",
      '%22',
    ];
    const client = await connectRaw(bench.app.port);
    for (const id of bad) {
      for (const [method, rest] of taskRoutes) {
        client.received = '';
        client.request(method, `/stream/test/${bench.any.name}/${id}${rest}`, { 'Content-Length': '0' });
        await client.until((received) => received.includes('}'));
        expect([id, method + rest, client.status]).toEqual([id, method + rest, 400]);
        expect(client.received).toContain('"code":"INVALID_TASK_ID"');
      }
    }
    for (const [app, name] of [
      ['a%20b', bench.any.name],
      ['test', 'a%2fb'],
      ['x'.repeat(65), bench.any.name],
      ['test', 'x'.repeat(65)],
    ] as const) {
      client.received = '';
      client.request('GET', `/stream/${app}/${name}/x`);
      await client.until((received) => received.includes('INVALID_TASK_ID'));
      client.received = '';
      client.request('POST', `/stream/${app}/${name}`, { 'Content-Length': '0' });
      await client.until((received) => received.includes('INVALID_TASK_ID'));
    }
    await bench.expectUntouched();
  });

  it('an id of 100 characters is taken, one of 101 or 129 is refused', async () => {
    const bench = await createBench(adapter);
    const url = (length: number): string => bench.urlOf(bench.strict, 'x'.repeat(length));
    expect((await call('PUT', url(100), { json: { n: 1 } })).status).toBe(201);
    expect((await call('DELETE', `${url(100)}?wait=1000`)).status).toBe(200);
    for (const length of [101, 129]) {
      for (const [method, rest] of taskRoutes) {
        const { status, headers, body } = await call(method, url(length) + rest);
        expect(headers['content-type']).toMatch(/^application\/json/);
        // Fastify takes no longer parameter, and says so itself.
        if (adapter === 'fastify') expect(status).toBe(414);
        else expect([status, (body as { code: string }).code]).toEqual([400, 'INVALID_TASK_ID']);
      }
    }
    expect((await bench.app.coordinator.list()).items).toHaveLength(1);
  });

  it('a body that is no JSON is 415', async () => {
    const bench = await createBench(adapter);
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      'application/octet-stream',
      'text/html',
      'application/jsonp',
      'application/xml',
      'nonsense',
    ]) {
      const options = { body: 'n=1', headers: { 'content-type': type } };
      for (const [method, id] of [
        ['POST', ''],
        ['PUT', 'x'],
      ] as const) {
        const answer = await call(method, bench.urlOf(bench.any, id), options);
        expect([type, answer.status]).toEqual([type, 415]);
        expect(answer.headers['content-type']).toMatch(/^application\/json/);
      }
    }
    expect((await call('POST', bench.urlOf(bench.any), { body: '{}' })).status).toBe(415);
    await bench.expectUntouched();
  });

  it('an empty body that is said to be JSON is none on Express, and refused by Fastify', async () => {
    const bench = await createBench(adapter);
    const puppet = await bench.any.start(bench.app);
    const headers = { 'content-type': 'application/json' };
    const { status, body } = await call('DELETE', puppet.url, { headers });
    expect(status).toBe(adapter === 'fastify' ? 400 : 202);
    expect(body).not.toHaveProperty('code');
  });

  it('a signal that is no JSON is 415, and reaches nobody', async () => {
    const bench = await createBench(adapter);
    const puppet = await bench.any.start(bench.app);
    let got: unknown = 'nothing';
    void puppet.context.waitForSignal('go').then((data) => {
      got = data;
    });
    const options = { body: 'n=1', headers: { 'content-type': 'text/plain' } };
    expect((await call('POST', `${puppet.url}/signals/go`, options)).status).toBe(415);
    const broken = { body: '{"n":', headers: { 'content-type': 'application/json' } };
    expect((await call('POST', `${puppet.url}/signals/go`, broken)).status).toBe(400);
    expect(got).toBe('nothing');
    expect((await call('POST', `${puppet.url}/signals/go`, { json: { n: 1 } })).status).toBe(202);
    await eventually(() => expect(got).toEqual({ n: 1 }));
    await puppet.end();
  });

  it.each(['{', '{"n":1', 'nonsense', '{"n":1}{', "{'n':1}", '\0', '[1,]', '\uFEFF\uFEFF{}'])(
    'broken JSON, %j, is 400',
    async (body) => {
      const bench = await createBench(adapter);
      for (const [method, id] of [
        ['POST', ''],
        ['PUT', 'x'],
      ] as const) {
        const headers = { 'content-type': 'application/json' };
        const answer = await call(method, bench.urlOf(bench.any, id), { body, headers });
        expect(answer).toMatchObject({ status: 400, body: { statusCode: 400 } });
      }
      await bench.expectUntouched();
    },
  );

  it.each(['1', '"text"', 'null', 'true'])('a bare value, %s, is 400', async (body) => {
    const bench = await createBench(adapter);
    const headers = { 'content-type': 'application/json' };
    expect(await call('POST', bench.urlOf(bench.any), { body, headers })).toMatchObject({
      status: 400,
      body: { statusCode: 400 },
    });
    await bench.expectUntouched();
  });

  it('an input that fails its schema is 400 with the issues', async () => {
    const bench = await createBench(adapter);
    const answer = await call('POST', bench.urlOf(bench.strict), { json: { n: 'one', tags: ['a', 2] } });
    expectError(answer, 400, 'INVALID_INPUT');
    expect(answer.body).toMatchObject({
      issues: [
        { path: ['n'], message: expect.any(String) },
        { path: ['tags', 1], message: expect.any(String) },
      ],
    });
    for (const json of [{}, [], { n: null }]) {
      expectError(await call('PUT', bench.urlOf(bench.strict, 'x'), { json }), 400, 'INVALID_INPUT');
    }
    expectError(await call('POST', bench.urlOf(bench.strict)), 400, 'INVALID_INPUT');
    await bench.expectUntouched();
  });

  it('the answer to a large input that fails is small, and says how many issues there are', async () => {
    const list = new PuppetTask({ input: z.array(z.string()) });
    const keys = new PuppetTask({ input: z.record(z.string(), z.string()) });
    const app = await createTaskApp({
      adapter,
      tasks: [list.type, keys.type],
      options: { http: { start: true } },
    });
    const ask = async (task: PuppetTask, json: unknown) => {
      const answer = await call('POST', `${app.url}/test/${task.name}`, { json });
      expectError(answer, 400, 'INVALID_INPUT');
      expect(Buffer.byteLength(answer.text)).toBeLessThan(20_000);
      return answer.body as { issues: { path: unknown[] }[]; issueCount?: number; message: string };
    };
    const numbers = (count: number): number[] => Array.from({ length: count }, () => 1);
    const many = await ask(list, numbers(40_000));
    expect(many.issueCount).toBe(40_000);
    expect(many.issues.map(({ path }) => path)).toEqual(numbers(100).map((_, index) => [index]));
    expect(await ask(list, numbers(100))).not.toHaveProperty('issueCount');
    const long = await ask(
      keys,
      Object.fromEntries(numbers(40).map((_, n) => [`${n}${'\u00fc'.repeat(1_000)}`, n])),
    );
    expect(long.issueCount).toBe(40);
    expect(long.issues.length).toBeGreaterThan(5);
    expect(long.message.length).toBeLessThan(600);
    expect((await ask(keys, { ['k'.repeat(90_000)]: 1 })).issues).toMatchObject([
      { path: [`${'k'.repeat(500)}…`] },
    ]);
    expect((await app.coordinator.list()).items).toEqual([]);
  });

  it('JSON that would poison a prototype does not', async () => {
    const bench = await createBench(adapter);
    const body = '{"n":1,"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}';
    const headers = { 'content-type': 'application/json' };
    const answer = await call('PUT', bench.urlOf(bench.strict, 'x'), { body, headers });
    // Fastify refuses such a body; Express reads it as the own property that it is.
    expect([201, 400]).toContain(answer.status);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it('a body over the size limit is 413', async () => {
    const bench = await createBench(adapter);
    const json = { text: 'x'.repeat(2_000_000) };
    for (const [method, id] of [
      ['POST', ''],
      ['PUT', 'x'],
    ] as const) {
      const answer = await call(method, bench.urlOf(bench.any, id), { json });
      expect(answer).toMatchObject({ status: 413, body: { statusCode: 413 } });
    }
    await bench.expectUntouched();
  });

  it.each(['a%0ab', 'a%0db', 'a%00b', 'a%0d%0ab', 'a%20b', '%F0%9F%92%A5', 'x'.repeat(65)])(
    'a signal called %s is 400',
    async (name) => {
      const bench = await createBench(adapter);
      const puppet = await bench.any.start(bench.app);
      expectError(await call('POST', `${puppet.url}/signals/${name}`, { json: {} }), 400, 'INVALID_EVENT');
      await puppet.end();
    },
  );

  it('a hundred and one signals that nobody takes are refused, and the task goes on', async () => {
    const bench = await createBench(adapter);
    const puppet = await bench.any.start(bench.app);
    for (let n = 0; n < 100; n++) {
      expect(await bench.app.coordinator.signal(puppet.handle.ref, 'go', n)).toBe(true);
    }
    const refused = await call('POST', `${puppet.url}/signals/go`, { json: {} });
    expectError(refused, 429, 'TOO_MANY_SIGNALS');
    expect(await puppet.context.waitForSignal('go')).toBe(0);
    expect((await call('POST', `${puppet.url}/signals/go`, { json: {} })).status).toBe(202);
    await puppet.end();
  });

  it('starting during the shutdown is 503, in code ShuttingDownError, and starts nothing', async () => {
    const task = new PuppetTask({ stubborn: true });
    const app = await createTaskApp({ adapter, tasks: [task.type], options: { http: { start: true } } });
    const puppet = await task.start(app, { grace: 60_000 });
    const stopped = app.coordinator.shutdown({ timeout: 5_000 });
    await eventually(() => puppet.context.cancelled);
    const url = `${app.url}/test/${task.name}`;
    for (const answer of [
      await call('POST', url, { json: {} }),
      await call('PUT', `${url}/x`, { json: {} }),
    ]) {
      expectError(answer, 503, 'SHUTTING_DOWN');
      expect(answer.headers['retry-after']).toBe('5');
    }
    expect(await codeOf(() => app.coordinator.start(task.type, {}))).toBe('SHUTTING_DOWN');
    expect((await app.coordinator.list()).items).toHaveLength(1);
    await puppet.end();
    await stopped;
    expect(task.calls).toBe(1);
  });
});

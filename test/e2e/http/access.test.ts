import { afterEach, describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import type { IncomingMessage } from 'node:http';
import type { AuthorizeRequest, StreamingModuleOptions, TaskAuthorizer } from 'nestjs-streaming';
import { handlerTask } from '../../support/app.js';
import { call } from '../../support/clients/http-client.js';
import { deferred, eventually } from '../../support/wait.js';
import { adapters, createTaskApp, PuppetTask, type TaskApp, watch } from '../../support/watching.js';

type Request = Pick<IncomingMessage, 'headers'>;

const full = { start: true, list: true, owner: ({ headers }: Request) => headers['x-user'] as string };

describe.each(adapters)('who may do what (%s)', (adapter) => {
  describe('an authorizer', () => {
    const asked: Omit<AuthorizeRequest, 'request'>[] = [];
    let answer: boolean | 'hide' | Promise<boolean | 'hide'> = true;

    @Injectable()
    class Authorizer implements TaskAuthorizer<Request> {
      authorize({
        request,
        ...question
      }: AuthorizeRequest<Request>): boolean | 'hide' | Promise<boolean | 'hide'> {
        expect(request.headers.host).toEqual(expect.any(String));
        asked.push(question);
        return answer;
      }
    }

    async function serve(task = new PuppetTask()): Promise<[PuppetTask, TaskApp]> {
      asked.length = 0;
      answer = true;
      return [
        task,
        await createTaskApp({ adapter, tasks: [task.type], options: { authorize: Authorizer, http: full } }),
      ];
    }

    it('is asked with the action, the task, its owner and the request', async () => {
      const [task, app] = await serve();
      const puppet = await task.start(app, { id: 'mine', owner: 'ann' });
      const { ref } = puppet.handle;
      await (await watch(puppet.url)).next();
      await call('GET', `${puppet.url}/status`);
      await call('POST', `${puppet.url}/signals/go`);
      await call('PUT', puppet.url, { json: {} });
      await call('PUT', task.urlOf(app, 'other'), { json: {} });
      await call('GET', `${app.url}?owner=ignored`);
      await call('DELETE', puppet.url);
      const other = { ...ref, id: 'other' };
      expect(asked).toEqual([
        { action: 'watch', ref, owner: 'ann' },
        { action: 'status', ref, owner: 'ann' },
        { action: 'signal', ref, owner: 'ann' },
        { action: 'start', ref, owner: 'ann' },
        { action: 'start', ref: other },
        { action: 'list', ref: other },
        { action: 'list', ref, owner: 'ann' },
        { action: 'cancel', ref, owner: 'ann' },
      ]);
    });

    const routes = [
      ['GET', '/mine'],
      ['GET', '/mine/status'],
      ['DELETE', '/mine'],
      ['POST', '/mine/signals/go'],
      ['PUT', '/mine'],
      ['PUT', '/fresh'],
      ['POST', ''],
    ] as const;
    const bodyFor = (method: string) => (method === 'GET' || method === 'DELETE' ? {} : { json: {} });

    it.each(routes)('that says no to %s %s gives 403 and does nothing', async (method, path) => {
      const [task, app] = await serve();
      const puppet = await task.start(app, { id: 'mine' });
      const got = { signal: false };
      void puppet.context.waitForSignal('go').then(
        () => (got.signal = true),
        () => undefined,
      );
      for (const no of [false, Promise.resolve(false)]) {
        answer = no;
        const refused = await call(method, `${app.url}/test/${task.name}${path}`, bodyFor(method));
        expect(refused).toMatchObject({ status: 403, body: { statusCode: 403, code: 'FORBIDDEN' } });
      }
      expect((await app.coordinator.list()).items.map(({ id }) => id)).toEqual(['mine']);
      expect([puppet.context.cancelled, got.signal]).toEqual([false, false]);
    });

    it.each(routes)('that hides from %s %s answers as if there were no such task', async (method, path) => {
      const [task, app] = await serve();
      const puppet = await task.start(app, { id: 'mine' });
      answer = 'hide';
      const hidden = await call(method, `${app.url}/test/${task.name}${path}`, bodyFor(method));
      expect(hidden).toMatchObject({ status: 404, body: { code: 'TASK_NOT_FOUND' } });
      expect(puppet.context.cancelled).toBe(false);
      expect((await app.coordinator.list()).items).toHaveLength(1);
    });

    it('leaves out of a list what it refuses', async () => {
      const [task, app] = await serve();
      await task.start(app);
      for (const no of [false, 'hide'] as const) {
        answer = no;
        expect((await call('GET', app.url)).body).toEqual({ items: [], nextCursor: null });
      }
      answer = true;
      expect((await call('GET', app.url)).body).toMatchObject({ items: [{ name: task.name }] });
    });

    it('lets snapshots carry owner, metadata and who cancelled', async () => {
      const [task, app] = await serve(new PuppetTask({ replay: { events: 1 } }));
      const puppet = await task.start(app, { owner: 'ann', metadata: { room: 7 } });
      await puppet.handle.cancel({ by: 'bob' });
      await puppet.handle.outcome;
      const wanted = {
        owner: 'ann',
        metadata: { room: 7 },
        cancellation: { kind: 'external', by: 'bob' },
      };
      expect((await call('GET', `${puppet.url}/status`)).body).toMatchObject(wanted);
      expect((await call('GET', app.url)).body).toMatchObject({ items: [wanted] });
      const stream = await watch(puppet.url);
      expect((await stream.next('gap')).data).toMatchObject({ snapshot: wanted });
      // The events themselves never say who.
      expect((await stream.next('cancelled')).raw).not.toMatch(/ann|bob|room/);
    });

    it('http.owner names the owner of what a request starts', async () => {
      const [task, app] = await serve();
      const answered = await call('PUT', task.urlOf(app, 'x'), { json: {}, headers: { 'x-user': 'ann' } });
      expect(answered).toMatchObject({ status: 201, body: { owner: 'ann' } });
      const second = await call('PUT', task.urlOf(app, 'x'), { json: {}, headers: { 'x-user': 'bob' } });
      expect(second).toMatchObject({ status: 200, body: { owner: 'ann' } });
    });

    it.each(['made with', 'taken from'])('is %s what the application provides', async (way) => {
      @Injectable()
      class Users {
        readonly names = ['ann'];
      }
      let made = 0;
      @Injectable()
      class WithUsers implements TaskAuthorizer<Request> {
        constructor(private readonly users: Users) {
          made += 1;
        }
        authorize({ request }: AuthorizeRequest<Request>): boolean {
          return this.users.names.includes(String(request.headers['x-user']));
        }
      }
      const task = new PuppetTask();
      const app = await createTaskApp({
        adapter,
        tasks: [task.type],
        providers: way === 'taken from' ? [Users, WithUsers] : [Users],
        options: { authorize: WithUsers },
      });
      const puppet = await task.start(app);
      expect((await call('GET', `${puppet.url}/status`, { headers: { 'x-user': 'ann' } })).status).toBe(200);
      expect((await call('GET', `${puppet.url}/status`, { headers: { 'x-user': 'eve' } })).status).toBe(403);
      expect(made).toBe(1);
    });

    it('that throws is the server’s own fault, and nothing is told', async () => {
      const [task, app] = await serve();
      const puppet = await task.start(app);
      puppet.send('secret', 'for friends');
      answer = Promise.reject(new Error('database password 1234'));
      answer.catch(() => undefined);
      const failed = await call('GET', puppet.url, { headers: { accept: 'text/event-stream' } });
      expect(failed.status).toBe(500);
      expect(failed.text).not.toMatch(/1234|friends/);
      expect(await puppet.handle.snapshot()).toMatchObject({ watchers: 0 });
    });
  });

  it('a task that http.owner gives to nobody is started for nobody', async () => {
    const task = new PuppetTask();
    for (const nobody of [null, undefined]) {
      const options = { http: { start: true, owner: () => nobody } };
      const app = await createTaskApp({ adapter, tasks: [task.type], options });
      expect((await call('POST', `${app.url}/test/${task.name}`, { json: {} })).status).toBe(201);
      expect((await app.coordinator.list()).items[0]).not.toHaveProperty('owner');
    }
  });

  it.each([
    ['a promise', () => Promise.resolve('ann'), 'a promise'],
    ['a promise that rejects', () => Promise.reject(new Error('no user')), 'a promise'],
    ['a number', () => 7, 'a value of type number'],
    ['an object', () => ({ id: 'ann' }), 'a value of type object'],
  ])(
    'an http.owner that gives %s is 500 with an error in the log, and nothing is started',
    async (...given) => {
      const [, owner, told] = given;
      const task = new PuppetTask();
      const app = await createTaskApp({
        adapter,
        tasks: [task.type],
        options: { http: { start: true, owner: owner as unknown as () => string } },
      });
      for (const [method, url] of [
        ['POST', `${app.url}/test/${task.name}`],
        ['PUT', task.urlOf(app, 'x')],
      ] as const) {
        const answer = await call(method, url, { json: {} });
        expect(answer).toMatchObject({ status: 500, body: { statusCode: 500 } });
        expect(answer.text).not.toContain('owner');
      }
      expect((await app.coordinator.list()).items).toEqual([]);
      const errors = app.logs.errors.join('\n');
      expect(errors).toContain('Wrong option "http.owner" in StreamingModule.forRoot()');
      expect(errors).toContain(`it gave ${told}`);
    },
  );

  it('of a task that ends and is forgotten while a PUT finds it, the answer is the public snapshot', async () => {
    let gate = deferred();
    let turns = 0;
    @Injectable()
    class Authorizer implements TaskAuthorizer {
      async authorize({ action }: AuthorizeRequest): Promise<boolean> {
        if (action === 'start') {
          gate.resolve();
          // The task ends some microtasks from now: before, while or after the coordinator finds it.
          for (let turn = 0; turn < turns; turn++) await Promise.resolve();
        }
        return true;
      }
    }
    const type = handlerTask(
      async () => {
        await gate.promise;
        for (let turn = 0; turn < 30; turn++) await Promise.resolve();
        throw new Error('password=1234');
      },
      { name: 'short' },
    );
    const app = await createTaskApp({
      adapter,
      tasks: [type],
      options: { authorize: Authorizer, replay: { retention: 0 }, http: { start: true } },
    });
    const told = new Set<number>();
    for (turns = 0; turns < 60; turns++) {
      gate = deferred();
      const id = `x${turns}`;
      await app.coordinator.start(type, {}, { id });
      await eventually(async () =>
        expect((await app.coordinator.list({ status: 'running' })).items.map((item) => item.id)).toContain(
          id,
        ),
      );
      const answer = await call('PUT', `${app.url}/test/short/${id}`, { json: {} });
      told.add(answer.status);
      expect(answer.text).not.toContain('password');
    }
    expect(told).toEqual(new Set([200, 201]));
  });

  it('without an authorizer snapshots carry neither owner nor metadata nor who cancelled', async () => {
    const task = new PuppetTask({ replay: { events: 1 } });
    const app = await createTaskApp({ adapter, tasks: [task.type], options: { http: full } });
    const puppet = await task.start(app, { owner: 'ann-the-owner', metadata: { room: 'ann-the-owner' } });
    await puppet.handle.cancel({ by: 'ann-the-owner' });
    await puppet.handle.outcome;
    const stream = await watch(puppet.url);
    await stream.ended;
    const told = [
      (await call('GET', `${puppet.url}/status`)).text,
      (await call('GET', app.url)).text,
      (await call('PUT', puppet.url, { json: {} })).text,
      stream.raw,
    ];
    expect(stream.raw).toContain('event: gap\n');
    for (const text of told) expect(text).not.toMatch(/ann-the-owner|"owner"|"metadata"|"by"/);
    expect(await puppet.handle.snapshot()).toMatchObject({ owner: 'ann-the-owner' });
  });
});

describe('the routes of an application without an authorizer', () => {
  const before = process.env.NODE_ENV;
  afterEach(() => {
    process.env.NODE_ENV = before;
  });

  @Injectable()
  class Authorizer implements TaskAuthorizer {
    authorize(): boolean {
      return true;
    }
  }

  const watchAndCancel = 'may watch and cancel every task: set "authorize" in';

  it.each<[string, string, StreamingModuleOptions, string[]]>([
    ['are warned of', 'production', {}, [watchAndCancel]],
    [
      'are warned of, where they start tasks too',
      'production',
      { http: { start: true } },
      [watchAndCancel.replace('may', 'may start tasks, and')],
    ],
    ['are no concern elsewhere', 'development', {}, []],
    ['are no concern where it has one', 'production', { authorize: Authorizer }, []],
    ['are no concern where there are none', 'production', { http: { controller: false } }, []],
  ])('%s: %s', async (_what, environment, options, warnings) => {
    process.env.NODE_ENV = environment;
    const { logs } = await createTaskApp({ listen: false, options });
    expect(logs.warnings).toEqual(warnings.map((text) => expect.stringContaining(text)));
  });
});

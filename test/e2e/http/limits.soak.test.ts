import { describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import type { Server } from 'node:net';
import type { AuthorizeRequest, TaskAuthorizer, TaskSnapshot } from 'nestjs-streaming';
import { handlerTask } from '../../support/app.js';
import { heldAuthorizer } from '../../support/app/held-authorizer.js';
import { call } from '../../support/clients/http-client.js';
import type { SseStream } from '../../support/clients/sse.js';
import { deferred, eventually } from '../../support/wait.js';
import {
  adapters,
  connectRaw,
  createTaskApp,
  PuppetTask,
  range,
  resumeAfter,
  type TaskApp,
  watch,
} from '../../support/watching.js';

const openOnes = (streams: readonly SseStream[]): number => streams.filter(({ isOpen }) => isOpen).length;

describe.each(adapters)('limits of streams (%s)', (adapter) => {
  async function serve(http: object): Promise<[PuppetTask, TaskApp]> {
    const task = new PuppetTask();
    return [task, await createTaskApp({ adapter, tasks: [task.type], options: { http } })];
  }

  it.each([
    ['maxStreams', { maxStreams: 2 }],
    ['maxStreamsPerTask', { maxStreamsPerTask: 2 }],
  ])(
    'over %s is 503 with Retry-After, and for an EventSource 200, retry: and the end',
    async (_name, http) => {
      const [task, app] = await serve({ ...http, retry: 1_000 });
      const puppet = await task.start(app);
      const [first] = await Promise.all([watch(puppet.url), watch(puppet.url)]);
      await first.next('started');
      for (const accept of ['*/*', 'application/json', 'text/*', '']) {
        const refused = await call('GET', puppet.url, { headers: { accept } });
        expect(refused).toMatchObject({ status: 503, body: { statusCode: 503, code: 'TOO_MANY_STREAMS' } });
        expect(refused.headers['retry-after']).toBe('5');
        expect(refused.headers['content-type']).toMatch(/^application\/json/);
      }
      const retries = new Set<number>();
      for (const accept of ['text/event-stream', 'text/html, text/event-stream;q=0.9', 'TEXT/EVENT-STREAM']) {
        const told = await watch(puppet.url, { headers: { accept } });
        expect([told.status, told.headers['content-type']]).toEqual([200, 'text/event-stream']);
        expect(await told.ended).toBe('complete');
        expect(told.raw).toMatch(/^\n?retry: [0-9]+\n$/);
        expect(told.retry).toBeGreaterThanOrEqual(1_000);
        expect(told.retry).toBeLessThanOrEqual(3_000);
        retries.add(told.retry ?? 0);
      }
      expect(retries.size).toBeGreaterThan(1);
      expect(await puppet.handle.snapshot()).toMatchObject({ watchers: 2 });
      // A place that is free again is given again.
      await first.close();
      await eventually(async () => {
        await (await watch(puppet.url)).next('started');
      });
      await puppet.end();
    },
  );

  it('maxStreamsPerTask counts each task for itself', async () => {
    const [task, app] = await serve({ maxStreamsPerTask: 1 });
    const [one, two] = [await task.start(app), await task.start(app)];
    await (await watch(one.url)).next('started');
    expect((await watch(two.url)).status).toBe(200);
    expect((await call('GET', one.url)).status).toBe(503);
    expect((await call('GET', two.url)).status).toBe(503);
  });

  it.each([
    ['maxStreams', { maxStreams: 3 }],
    ['maxStreamsPerTask', { maxStreamsPerTask: 3 }],
  ])('%s holds for requests that come all at once', async (_name, http) => {
    const [task, app] = await serve(http);
    const puppet = await task.start(app);
    const streams = await Promise.all(range(1, 30).map(() => watch(puppet.url)));
    await eventually(() => expect(openOnes(streams)).toBe(3));
    const client = await connectRaw(app.port);
    for (let n = 0; n < 10; n++) client.request('GET', new URL(puppet.url).pathname);
    await client.until((received) => received.split('HTTP/1.1 200 OK').length === 11);
    expect(await puppet.handle.snapshot()).toMatchObject({ watchers: 3 });
    await puppet.end();
  });

  it('maxStreams holds for requests that an authorizer lets in all at once', async () => {
    const authorizer = heldAuthorizer();
    const task = new PuppetTask();
    const app = await createTaskApp({
      adapter,
      tasks: [task.type],
      options: { authorize: authorizer.type, http: { maxStreams: 3 } },
    });
    const puppet = await task.start(app);
    const opening = range(1, 20).map(() => watch(puppet.url));
    await eventually(() => expect(authorizer.asked).toBe(20));
    authorizer.letIn();
    const streams = await Promise.all(opening);
    await eventually(() => expect(openOnes(streams)).toBe(3));
    await puppet.end();
  });

  it('the id of a terminal event is 204 whatever the limit', async () => {
    const [task, app] = await serve({ maxStreams: 0 });
    const puppet = await task.start(app);
    await puppet.end();
    const { lastEventId } = await puppet.handle.snapshot();
    expect((await resumeAfter(puppet.url, lastEventId ?? '')).status).toBe(204);
  });

  it('refused streams take no place either', async () => {
    const [task, app] = await serve({ maxStreams: 1, retry: 1 });
    const puppet = await task.start(app);
    const first = await watch(puppet.url);
    await first.next('started');
    await Promise.all(range(1, 20).map(async () => (await watch(puppet.url)).ended));
    await first.close();
    await eventually(async () => {
      const stream = await watch(puppet.url);
      await stream.next('started');
    });
    await puppet.end();
  });

  it('a request that gives up before its answer takes no place', async () => {
    const [task, app] = await serve({ maxStreams: 1 });
    const puppet = await task.start(app);
    for (let n = 0; n < 20; n++) {
      const client = await connectRaw(app.port);
      client.request('GET', new URL(puppet.url).pathname);
      await client.close('reset');
    }
    await eventually(async () => {
      const stream = await watch(puppet.url);
      await stream.next('started');
    });
    await puppet.end();
  });
});

describe.each(adapters)('GET /stream (%s)', (adapter) => {
  interface Page {
    readonly items: TaskSnapshot[];
    readonly nextCursor: string | null;
  }

  async function serve(count: number): Promise<[TaskApp, PuppetTask, (query?: string) => Promise<Page>]> {
    const one = new PuppetTask();
    const two = new PuppetTask({ app: 'other' });
    const app = await createTaskApp({
      adapter,
      tasks: [one.type, two.type],
      options: { http: { list: true } },
    });
    for (let n = 1; n <= count; n++) {
      const puppet = await (n % 2 ? one : two).start(app, { id: `t${n}`, owner: n % 2 ? 'ann' : 'bob' });
      if (n % 3 === 0) await puppet.end();
    }
    const list = async (query = ''): Promise<Page> => {
      const { status, body } = await call('GET', `${app.url}${query}`);
      expect(status).toBe(200);
      return body as Page;
    };
    return [app, one, list];
  }
  const idsOf = ({ items }: Page): string[] => items.map(({ id }) => id);

  it('lists newest first, and filters', async () => {
    const [, one, list] = await serve(6);
    expect(idsOf(await list())).toEqual(['t6', 't5', 't4', 't3', 't2', 't1']);
    expect(idsOf(await list('?status=completed'))).toEqual(['t6', 't3']);
    expect(idsOf(await list('?status=running'))).toEqual(['t5', 't4', 't2', 't1']);
    expect(idsOf(await list('?app=other'))).toEqual(['t6', 't4', 't2']);
    expect(idsOf(await list(`?app=test&name=${one.name}&status=completed`))).toEqual(['t3']);
    expect(idsOf(await list('?app=nobody'))).toEqual([]);
    expect((await list()).nextCursor).toBeNull();
  });

  it('pages through all of them once, though tasks come and go', async () => {
    const [app, one, list] = await serve(7);
    const seen: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const page: Page = await list(
        `?limit=3${cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`}`,
      );
      seen.push(...idsOf(page));
      expect(page.items.length).toBeLessThanOrEqual(3);
      cursor = page.nextCursor;
      await one.start(app);
    }
    expect(seen).toEqual(['t7', 't6', 't5', 't4', 't3', 't2', 't1']);
  });

  it.each([
    'limit=0',
    'limit=1001',
    'limit=-1',
    'limit=abc',
    'limit=1.5',
    'limit=',
    'limit=1&limit=2',
    'cursor=nonsense',
    'cursor=',
    'cursor=%00',
    'cursor=a&cursor=b',
    'status=done',
    'status=',
    'app=a&app=b',
    'name[]=x&name[]=y',
  ])('?%s is 400 INVALID_QUERY, or a filter that nothing passes', async (query) => {
    const [app] = await serve(0);
    const answer = await call('GET', `${app.url}?${query}`);
    if (query.startsWith('name[]') && answer.status === 200) {
      // Whether brackets make a list is the platform's affair; here it is another name.
      expect(answer.body).toEqual({ items: [], nextCursor: null });
      return;
    }
    expect(answer).toMatchObject({ status: 400, body: { statusCode: 400, code: 'INVALID_QUERY' } });
  });

  describe('with an authorizer', () => {
    let asked = 0;
    let open = deferred();

    @Injectable()
    class Owners implements TaskAuthorizer<{ headers: Record<string, string> }> {
      async authorize({ owner, request }: AuthorizeRequest<{ headers: Record<string, string> }>) {
        asked += 1;
        if (request.headers['x-user'] === 'slow') await open.promise;
        return owner === request.headers['x-user'] || 'hide';
      }
    }

    /** @param owners of the tasks, the oldest first; each is called by its number */
    async function serveTo(owners: readonly string[]) {
      asked = 0;
      open = deferred();
      const type = handlerTask((task) => task.sleep(60_000), { name: 'owned' });
      const app = await createTaskApp({
        adapter,
        tasks: [type],
        options: { authorize: Owners, http: { list: true } },
      });
      for (const [index, owner] of owners.entries()) {
        await app.coordinator.start(type, {}, { id: `${index}`, owner });
      }
      const page = async (user: string, query: string): Promise<Page> =>
        (await call('GET', `${app.url}?${query}`, { headers: { 'x-user': user } })).body as Page;
      return { app, page };
    }
    const many = (owner: string): string[] => range(1, 150).map(() => owner);

    it('a client that may see none gets no cursor, however many there are', async () => {
      const { page } = await serveTo([...many('ann'), ...many('ann')]);
      for (const limit of [1, 7, 100, 1_000]) {
        expect(await page('bob', `limit=${limit}`)).toEqual({ items: [], nextCursor: null });
      }
    });

    it('pages hold what a client may see, and a cursor follows only where it may see more', async () => {
      const { page } = await serveTo(['ann', 'bob', ...many('ann'), 'bob', 'bob', ...many('ann')]);
      const first = await page('bob', 'limit=2');
      expect(idsOf(first)).toEqual(['153', '152']);
      expect(idsOf(await page('bob', 'limit=1'))).toEqual(['153']);
      const last = await page('bob', `limit=2&cursor=${first.nextCursor}`);
      expect([idsOf(last), last.nextCursor]).toEqual([['1'], null]);
      expect((await page('bob', 'limit=3')).nextCursor).toBeNull();
    });

    it('cursors do not tell how many tasks are between them, and none can be made', async () => {
      const { app, page } = await serveTo(['bob', ...many('ann'), 'bob', 'bob']);
      const cursors = [
        await page('bob', 'limit=1'),
        await page('bob', 'limit=1'),
        await page('bob', 'limit=2'),
      ].map(({ nextCursor }) => nextCursor!);
      expect(new Set(cursors).size).toBe(3);
      expect(new Set(cursors.map(({ length }) => length)).size).toBe(1);
      const changed = cursors[0]!.replace(/^./, (first) => (first === 'A' ? 'B' : 'A'));
      const plain = Buffer.from('before:1').toString('base64url');
      for (const cursor of [changed, plain, 'A'.repeat(48), cursors[0]!.slice(0, -1)]) {
        expect(await call('GET', `${app.url}?cursor=${cursor}`)).toMatchObject({
          status: 400,
          body: { code: 'INVALID_QUERY', message: expect.stringContaining('nextCursor') },
        });
      }
    });

    it('is asked no further when the client has left', async () => {
      const { app } = await serveTo([...many('ann'), ...many('ann')]);
      const client = await connectRaw(app.port);
      client.request('GET', '/stream', { 'x-user': 'slow' });
      await eventually(() => expect(asked).toBe(100));
      const connections = async (): Promise<number> =>
        new Promise((resolve) =>
          (app.app.getHttpServer() as Server).getConnections((_error, count) => resolve(count)),
        );
      await client.close('reset');
      await eventually(async () => expect(await connections()).toBe(0));
      open.resolve();
      await call('GET', `${app.url}?limit=1`, { headers: { 'x-user': 'ann' } });
      expect(asked).toBe(102);
    });
  });

  it('does not tell of owners, nor filter by them', async () => {
    const [, , list] = await serve(2);
    expect(idsOf(await list('?owner=ann'))).toEqual(['t2', 't1']);
    expect(JSON.stringify(await list())).not.toMatch(/"(ann|bob)"|owner/);
  });
});

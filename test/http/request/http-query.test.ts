import { describe, expect, it } from '@jest/globals';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { call } from '../../support/clients/http-client.js';
import { createTaskApp, outline, PuppetTask, type TaskAppOptions, watch } from '../../support/watching.js';

const pairs = (text: string): [string, string][] => [...new URLSearchParams(text)];
const express = (parser: unknown): TaskAppOptions => ({
  configure: (app) => (app as NestExpressApplication).set('query parser', parser),
});
const fastify = (querystringParser: (text: string) => Record<string, string>): TaskAppOptions => ({
  adapter: 'fastify',
  fastify: { routerOptions: { querystringParser } },
});

/** What an application may set. */
const parsers: [what: string, options: TaskAppOptions][] = [
  ['none on Express', express(false)],
  ['the simple one of Express', express('simple')],
  ['the extended one of Express', express('extended')],
  ['one on Express that gives a URLSearchParams', express((text: string) => new URLSearchParams(text))],
  [
    'one on Express that makes numbers',
    express((text: string) =>
      Object.fromEntries(pairs(text).map(([key, value]) => [key, Number(value) || value])),
    ),
  ],
  [
    'one on Express that throws nothing away and gives lists',
    express((text: string) => Object.fromEntries(pairs(text).map(([key, value]) => [key, [value]]))),
  ],
  ['one on Fastify that lowers the case', fastify((text) => Object.fromEntries(pairs(text.toLowerCase())))],
  ['one on Fastify that gives nothing', fastify(() => ({}))],
];

describe.each(parsers)('with a query parser of the application: %s', (_what, options) => {
  const serve = async () => {
    const task = new PuppetTask();
    const app = await createTaskApp({
      tasks: [task.type],
      ...options,
      options: { http: { list: true, start: true } },
    });
    return { task, app, puppet: await task.start(app) };
  };

  it('a stream begins where its query says', async () => {
    const { puppet } = await serve();
    puppet.count(3);
    const { lastEventId } = await puppet.handle.snapshot();
    puppet.count(1);
    const latest = await watch(`${puppet.url}?from=latest`);
    await latest.next('n');
    const behind = await watch(`${puppet.url}?lastEventId=${lastEventId}`);
    const escaped = await watch(`${puppet.url}?l%61stEventId=${lastEventId?.replace('-', '%2D')}`);
    const doubled = await watch(`${puppet.url}?lastEventId=${lastEventId}&lastEventId=${lastEventId}`);
    await puppet.end();
    await Promise.all([latest, behind, escaped, doubled].map((stream) => stream.ended));
    expect([latest, behind, escaped, doubled].map(outline)).toEqual([
      [5, 6],
      [5, 6],
      [5, 6],
      ['unknown-id', 1, 2, 3, 4, 5, 6],
    ]);
  });

  it('the end of a stream that was seen is 204', async () => {
    const { puppet } = await serve();
    await puppet.end();
    const { lastEventId } = await puppet.handle.snapshot();
    expect((await watch(`${puppet.url}?lastEventId=${lastEventId}`)).status).toBe(204);
  });

  it('a DELETE waits and gives its detail; a doubled parameter is 400', async () => {
    const { puppet } = await serve();
    for (const query of ['wait=1&wait=1', 'detail=a&detail=b', 'wait=soon']) {
      expect(await call('DELETE', `${puppet.url}?${query}`)).toMatchObject({
        status: 400,
        body: { code: 'INVALID_QUERY' },
      });
    }
    expect(puppet.context.cancelled).toBe(false);
    expect(await call('DELETE', `${puppet.url}?wait=5000&detail=it+is+%C3%BCber`)).toMatchObject({
      status: 200,
      body: { cancellation: { detail: 'it is über' } },
    });
  });

  it('a list filters and pages', async () => {
    const { task, app, puppet } = await serve();
    const ended = await task.start(app);
    await ended.end();
    const list = async (query: string) => (await call('GET', `${app.url}?${query}`)).body;
    expect(await list('status=completed')).toMatchObject({ items: [{ id: ended.id }], nextCursor: null });
    expect(await list('app=none')).toEqual({ items: [], nextCursor: null });
    expect(await list('name=none')).toEqual({ items: [], nextCursor: null });
    const first = (await list('limit=1')) as { nextCursor: string };
    expect(first).toMatchObject({ items: [{ id: ended.id }], nextCursor: expect.any(String) });
    expect(await list(`limit=1&cursor=${first.nextCursor}`)).toMatchObject({
      items: [{ id: puppet.id }],
      nextCursor: null,
    });
  });

  it('a stream of many tasks knows them all', async () => {
    const { task, app, puppet } = await serve();
    const other = await task.start(app);
    const of = ({ id }: { id: string }): string => `task=test/${task.name}/${id}`;
    const stream = await watch(`${app.url}/events?${of(puppet)}&${of(other)}&from=latest`);
    const events = await stream.nextEvents(2);
    expect(events.map(({ data }) => (data as { task: string }).task).toSorted()).toEqual(
      [puppet, other].map(({ id }) => `test/${task.name}/${id}`).toSorted(),
    );
  });
});

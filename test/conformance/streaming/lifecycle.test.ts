import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import type { IncomingMessage } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { TaskAuthorizer } from 'nestjs-streaming';
import { heldAuthorizer } from '../../support/app/held-authorizer.js';
import { sides } from '../../support/app/sides.js';
import { call } from '../../support/clients/http-client.js';
import { closeBound, eventually } from '../../support/wait.js';
import {
  createTaskApp,
  PuppetTask,
  quiet,
  range,
  resumeAfter,
  seqOf,
  watch,
  watchRaw,
} from '../../support/watching.js';

describe.each(sides)('lifecycle ($name)', (side) => {
  afterEach(() => {
    jest.restoreAllMocks();
  });

  it('S56 on shutdown every stream gets its terminal event and ends, and close() returns in time', async () => {
    const task = new PuppetTask();
    const app = await createTaskApp({ ...side, tasks: [task.type] });
    const puppets = await Promise.all([task.start(app), task.start(app)]);
    const streams = await Promise.all(
      puppets.flatMap(({ url }) => [watch(url), watch(url, { headers: { connection: 'keep-alive' } })]),
    );
    await Promise.all(streams.map((stream) => stream.next('started')));
    const before = performance.now();
    await app.app.close();
    expect(performance.now() - before).toBeLessThan(closeBound);
    for (const stream of streams) {
      expect(await stream.ended).toBe('complete');
      expect(stream.events.at(-1)).toMatchObject({
        type: 'cancelled',
        data: { message: 'Task was cancelled', reason: 'shutdown' },
      });
    }
  });

  it('S56 a client that does not read holds up the close no longer than the rest of its time, at least 1 s', async () => {
    const task = new PuppetTask({ replay: { bytes: 30_000_000 } });
    const app = await createTaskApp({
      ...side,
      tasks: [task.type],
      options: { shutdown: { timeout: 500 } },
    });
    const puppet = await task.start(app);
    const stuck = await watchRaw(puppet.url);
    await stuck.until('started');
    stuck.pause();
    for (let n = 0; n < 100; n++) puppet.send('big', 'x'.repeat(200_000));
    const reader = await watch(puppet.url);
    await reader.nextEvents(101);
    const before = performance.now();
    await app.app.close();
    const took = performance.now() - before;
    expect(took).toBeGreaterThan(900);
    expect(took).toBeLessThan(closeBound);
    await reader.ended;
    expect(reader.events.at(-1)?.type).toBe('cancelled');
  });

  it('S56 a connection that only waits for its next request does not hold up the close', async () => {
    const task = new PuppetTask();
    const app = await createTaskApp({ ...side, tasks: [task.type] });
    const puppet = await task.start(app);
    const client = await watchRaw(puppet.url, { Connection: 'keep-alive' });
    await client.until('started');
    await puppet.end();
    await client.until((received) => received.endsWith('0\r\n\r\n'));
    const before = performance.now();
    await app.app.close();
    expect(performance.now() - before).toBeLessThan(closeBound);
    await client.closed;
  });

  it('S56 against the next process an old position is a 404, or a gap', async () => {
    const task = new PuppetTask();
    const first = await createTaskApp({ ...side, tasks: [task.type] });
    const old = await task.start(first, { id: 'same' });
    old.count(3);
    const stream = await watch(old.url);
    await stream.nextEvents(4);
    await first.app.close();
    await stream.ended;
    const second = await createTaskApp({ ...side, tasks: [task.type] });
    const url = task.urlOf(second, 'same');
    expect((await resumeAfter(url, stream.lastEventId ?? '')).status).toBe(404);
    const puppet = await task.start(second, { id: 'same' });
    puppet.count(9);
    const back = await resumeAfter(url, stream.lastEventId ?? '');
    await back.nextEvents(11);
    expect(back.events[0]).toMatchObject({ type: 'gap', data: { cause: 'restarted', missed: null } });
    expect(back.events.slice(1).map(seqOf)).toEqual(range(1, 10));
  });

  it('S56 while it shuts down a stream is refused so that an EventSource comes back', async () => {
    const task = new PuppetTask({ stubborn: true });
    const app = await createTaskApp({ ...side, tasks: [task.type], options: { http: { retry: 500 } } });
    const puppet = await task.start(app, { grace: 60_000 });
    const stopped = app.coordinator.shutdown({ timeout: 5_000 });
    await eventually(() => puppet.context.cancelled);
    const refused = await watch(puppet.url);
    expect([refused.status, refused.headers['content-type'], await refused.ended]).toEqual([
      200,
      'text/event-stream',
      'complete',
    ]);
    expect(refused.events).toEqual([]);
    expect(refused.retry).toBeGreaterThanOrEqual(500);
    expect(refused.retry).toBeLessThanOrEqual(1_500);
    const plain = await call('GET', puppet.url, { headers: { accept: '*/*' } });
    expect(plain).toMatchObject({ status: 503, body: { statusCode: 503, code: 'SHUTTING_DOWN' } });
    expect(plain.headers['retry-after']).toBe('5');
    const { origin, pathname } = new URL(puppet.url);
    const all = `${origin}/stream/events?task=${pathname.replace('/stream/', '')}`;
    for (const url of [puppet.url, all]) {
      const head = await call('HEAD', url, { headers: { accept: '*/*' } });
      expect([head.status, head.headers['retry-after'], head.text]).toEqual([503, '5', '']);
      expect(await call('HEAD', url, { headers: { accept: 'text/event-stream' } })).toMatchObject({
        status: 200,
        headers: { 'content-type': 'text/event-stream' },
      });
    }
    await puppet.end();
    await stopped;
  });

  it('S56 a request that was being let in when the shutdown began does not hold up the close', async () => {
    const authorizer = heldAuthorizer();
    const task = new PuppetTask();
    const app = await createTaskApp({ ...side, tasks: [task.type], options: { authorize: authorizer.type } });
    const puppet = await task.start(app);
    const client = await watchRaw(puppet.url, { Connection: 'keep-alive' });
    await eventually(() => authorizer.asked > 0);
    const closing = app.app.close();
    await puppet.handle.outcome;
    // By now the server waits for its connections.
    await delay(quiet);
    authorizer.letIn();
    const before = performance.now();
    await closing;
    expect(performance.now() - before).toBeLessThan(closeBound);
    await client.closed;
    // Whatever it was told, it was told whole: the end of the task, or to come back.
    expect(client.status).toBe(200);
    expect(client.body).toMatch(/event: cancelled\ndata: .*\nid: .*\n\n$|retry: [0-9]+\n$/);
  });

  it('S58 guards and the authorizer are asked again at every resume', async () => {
    let allowed = true;
    const asked: string[] = [];
    @Injectable()
    class Guard implements CanActivate {
      canActivate(context: ExecutionContext): boolean {
        const { headers } = context.switchToHttp().getRequest<IncomingMessage>();
        asked.push(`guard ${String(headers['last-event-id'] ?? 'new')}`);
        return headers['x-guard'] !== 'no';
      }
    }
    @Injectable()
    class Authorizer implements TaskAuthorizer {
      async authorize({ action }: { action: string }): Promise<boolean> {
        asked.push(action);
        return Promise.resolve(allowed);
      }
    }
    const task = new PuppetTask();
    const app = await createTaskApp({
      ...side,
      tasks: [task.type],
      options: { authorize: Authorizer, http: { guards: [Guard] } },
    });
    const puppet = await task.start(app);
    puppet.send('secret', 'for friends');
    const stream = await watch(puppet.url);
    const { id = '' } = await stream.next('started');
    await stream.close();
    allowed = false;
    const refused = await resumeAfter(puppet.url, id);
    expect(refused.status).toBe(403);
    expect(await refused.json()).toMatchObject({ statusCode: 403, code: 'FORBIDDEN' });
    expect(refused.raw).not.toContain('friends');
    const guarded = await watch(puppet.url, { headers: { 'last-event-id': id, 'x-guard': 'no' } });
    expect(guarded.status).toBe(403);
    // Not even the end is told to whom the task may no longer be watched.
    await puppet.end();
    const { lastEventId } = await puppet.handle.snapshot();
    expect((await resumeAfter(puppet.url, lastEventId ?? '')).status).toBe(403);
    expect(asked).toEqual([
      'guard new',
      'watch',
      `guard ${id}`,
      'watch',
      `guard ${id}`,
      `guard ${lastEventId}`,
      'watch',
    ]);
  });

  it('S60 a clock that jumps changes no order, no id and no answer to a resume', async () => {
    const task = new PuppetTask({ idleTimeout: 60_000 });
    const app = await createTaskApp({
      ...side,
      tasks: [task.type],
      options: { http: { heartbeat: 20, stallTimeout: 500 } },
    });
    const puppet = await task.start(app, { timeout: 60_000 });
    const stream = await watch(puppet.url);
    const realNow = Date.now.bind(Date);
    const hour = 3_600_000;
    const clock = jest.spyOn(Date, 'now');
    puppet.count(2);
    clock.mockImplementation(() => realNow() - hour);
    puppet.count(2);
    await stream.nextEvents(5);
    const back = await resumeAfter(puppet.url, stream.events[1]?.id ?? '');
    clock.mockImplementation(() => realNow() + hour);
    puppet.count(2);
    await stream.nextEvents(2);
    const heard = stream.comments;
    await eventually(() => stream.comments > heard);
    const forward = await resumeAfter(puppet.url, stream.events[1]?.id ?? '');
    expect(puppet.context.cancelled).toBe(false);
    await puppet.end();
    await Promise.all([stream.ended, back.ended, forward.ended]);
    expect(stream.events.map(seqOf)).toEqual(range(1, 8));
    expect(back.events).toEqual(stream.events.slice(2));
    expect(forward.events).toEqual(stream.events.slice(2));
  });

  it('S60 retention is measured by a clock that does not jump', async () => {
    const task = new PuppetTask();
    const app = await createTaskApp({
      ...side,
      tasks: [task.type],
      options: { replay: { retention: 60_000 } },
    });
    const first = await task.start(app);
    await first.end();
    const realNow = Date.now.bind(Date);
    jest.spyOn(Date, 'now').mockImplementation(() => realNow() + 3_600_000);
    const second = await task.start(app);
    await second.end();
    await delay(20);
    expect((await watch(first.url)).status).toBe(200);
    expect((await watch(second.url)).status).toBe(200);
  });
});

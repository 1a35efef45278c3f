import { describe, expect, it } from '@jest/globals';
import { EventSource } from 'eventsource';
import { type Observable, of, throwError, timer } from 'rxjs';
import { concatMap, map } from 'rxjs/operators';
import { setTimeout as delay } from 'node:timers/promises';
import type { TaskContext } from 'nestjs-streaming';
import { handlerTask } from '../../support/app.js';
import { sides } from '../../support/app/sides.js';
import { call } from '../../support/clients/http-client.js';
import { deferred } from '../../support/wait.js';
import {
  adapters,
  closeLater,
  createTaskApp,
  epochOf,
  expectNoHole,
  PuppetTask,
  quiet,
  range,
  resumeAfter,
  seqOf,
  watch,
} from '../../support/watching.js';

describe.each(sides)('the end of a stream ($name)', (side) => {
  it('S34 every watcher has the terminal event before its response ends, wherever it is', async () => {
    const task = new PuppetTask({ replay: { bytes: 40_000_000 }, maxEventBytes: 300_000 });
    const app = await createTaskApp({ ...side, tasks: [task.type] });
    const puppet = await task.start(app);
    for (let n = 0; n < 60; n++) puppet.send('big', 'x'.repeat(200_000));
    const live = await watch(puppet.url);
    await live.nextEvents(61);
    const replaying = await watch(puppet.url);
    await replaying.next('started');
    replaying.pause();
    const coming = [watch(puppet.url), watch(puppet.url)];
    const ended = puppet.end('done');
    coming.push(watch(puppet.url), resumeAfter(puppet.url, live.lastEventId ?? ''));
    await ended;
    replaying.resume();
    const streams = [live, replaying, ...(await Promise.all(coming))];
    for (const stream of streams) {
      expect(await stream.ended).toBe('complete');
      expect(stream.events.at(-1)).toMatchObject({ type: 'completed', data: { finalValue: 'done' } });
      expect(stream.events.filter(({ type }) => type === 'completed')).toHaveLength(1);
    }
    expectNoHole(replaying.events);
    // Some 70 MB are parsed.
  });

  it.each(['completed', 'failed', 'cancelled', 'timeout'])(
    'S36 the id of %j is answered 204',
    async (status) => {
      const task = new PuppetTask();
      const app = await createTaskApp({ ...side, tasks: [task.type] });
      const puppet = await task.start(app, status === 'timeout' ? { timeout: 1 } : {});
      if (status === 'completed') await puppet.end();
      else if (status === 'failed') await puppet.fail(new Error('no'));
      else if (status === 'cancelled') await puppet.handle.cancel();
      expect(await puppet.handle.outcome).toMatchObject({ status });
      const stream = await watch(puppet.url);
      const { id = '' } = await stream.next(status);
      expect(await stream.ended).toBe('complete');
      const again = await resumeAfter(puppet.url, id);
      expect([again.status, await again.ended, again.raw]).toEqual([204, 'complete', '']);
      expect((await call('GET', `${puppet.url}?lastEventId=${id}`)).status).toBe(204);
      // The event before it is an ordinary position.
      const before = await resumeAfter(puppet.url, `${epochOf({ id })}-${seqOf({ id }) - 1}`);
      expect(before.status).toBe(200);
      expect(await before.next()).toMatchObject({ type: status, id });
    },
  );

  it('S36 an EventSource left alone after the end makes one more request and no third', async () => {
    const task = new PuppetTask();
    const app = await createTaskApp({ ...side, tasks: [task.type], options: { http: { retry: 1 } } });
    const puppet = await task.start(app);
    const answers: number[] = [];
    const stopped = deferred();
    const source = new EventSource(puppet.url, {
      fetch: async (url, init) => {
        const response = await fetch(url, init);
        answers.push(response.status);
        return response;
      },
    });
    closeLater(() => source.close());
    const completed = deferred<string>();
    source.addEventListener('completed', (event) => completed.resolve(event.data as string));
    source.addEventListener('error', () => {
      if (source.readyState === source.CLOSED) stopped.resolve();
    });
    await puppet.end(7);
    expect(await completed.promise).toBe('{"finalValue":7}');
    await stopped.promise;
    await delay(quiet);
    expect(answers).toEqual([200, 204]);
  });

  it('S37 a watcher that comes after the end gets what is kept, the terminal event, and the end', async () => {
    const task = new PuppetTask({ replay: { events: 3 } });
    const app = await createTaskApp({ ...side, tasks: [task.type] });
    const puppet = await task.start(app);
    puppet.count(5);
    await puppet.end();
    for (let n = 0; n < 2; n++) {
      const late = await watch(puppet.url);
      expect(await late.ended).toBe('complete');
      expect(late.events.map(({ type }) => type)).toEqual(['gap', 'n', 'n', 'completed']);
    }
    expect(task.calls).toBe(1);
    expect(await puppet.handle.snapshot()).toMatchObject({ status: 'completed', attempt: 1 });
  });

  it('S40 after a restart of the process the task is unknown, not an open stream without events', async () => {
    const task = new PuppetTask();
    const first = await createTaskApp({ ...side, tasks: [task.type] });
    const puppet = await task.start(first, { id: 'gone' });
    const stream = await watch(puppet.url);
    await stream.next('started');
    await first.close();
    await stream.ended;
    const second = await createTaskApp({ ...side, tasks: [task.type] });
    const back = await resumeAfter(task.urlOf(second, 'gone'), stream.lastEventId ?? '');
    expect(back.status).toBe(404);
    expect(await back.json()).toMatchObject({ code: 'TASK_NOT_FOUND' });
  });
});

const reject = (reason: unknown): Promise<never> => Promise.reject(reason);

const circular: Record<string, unknown> = {};
circular['self'] = circular;

describe.each(adapters)('S39 a handler that goes wrong (%s)', (adapter) => {
  const boom = new Error('boom');
  const handlers: [what: string, process: (task: TaskContext) => unknown][] = [
    [
      'throws at once',
      () => {
        throw boom;
      },
    ],
    ['rejects', () => Promise.reject(boom)],
    ['rejects with undefined', () => reject(undefined)],
    ['rejects with a string', () => reject('text')],
    ['rejects with null', () => reject(null)],
    [
      'fails in its generator',
      async function* () {
        yield 1;
        await Promise.resolve();
        throw boom;
      },
    ],
    [
      'yields what JSON cannot hold',
      async function* () {
        yield await Promise.resolve(1n);
      },
    ],
    ['fails in its Observable', () => throwError(() => boom)],
    [
      'fails in its Observable after a value',
      (): Observable<number> =>
        timer(0, 1).pipe(
          concatMap((n) => (n < 2 ? of(n) : throwError(() => boom))),
          map((n) => n + 1),
        ),
    ],
    ['emits what JSON cannot hold', () => of(circular)],
    ['returns a cycle', () => circular],
    ['returns a BigInt', async () => Promise.resolve(1n)],
    ['returns a function', () => () => undefined],
    ['returns a symbol', () => Symbol('no')],
    ['returns more than maxEventBytes', () => 'x'.repeat(400_000)],
    [
      'returns what throws when it is looked at',
      () =>
        new Proxy(
          {},
          {
            get() {
              throw boom;
            },
          },
        ),
    ],
    [
      'returns what throws when it is written',
      () => ({
        toJSON() {
          throw boom;
        },
      }),
    ],
  ];

  it.each(handlers)('S39 that %s ends as failed, and no watcher waits for ever', async (_what, process) => {
    const type = handlerTask(process);
    const app = await createTaskApp({ adapter, tasks: [type] });
    const handle = await app.coordinator.start(type, {});
    const { ref } = handle;
    const stream = await watch(`${app.url}/${ref.app}/${ref.name}/${ref.id}`);
    expect(await stream.ended).toBe('complete');
    const last = stream.events.at(-1);
    expect(last?.type).toBe('failed');
    expect(Object.keys(last?.data as object).toSorted()).toEqual(['errorType', 'message']);
    expect(stream.events.map(seqOf)).toEqual(range(1, stream.events.length));
    expect(stream.raw).not.toContain('boom');
    expect(await handle.outcome).toMatchObject({ status: 'failed' });
    expect(await handle.snapshot()).toMatchObject({ status: 'failed', watchers: 0 });
  });
});

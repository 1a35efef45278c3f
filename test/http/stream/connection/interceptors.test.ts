import { describe, expect, it } from '@jest/globals';
import {
  type CallHandler,
  Controller,
  type ExecutionContext,
  Injectable,
  type MessageEvent,
  type NestInterceptor,
  UseInterceptors,
} from '@nestjs/common';
import type { Server, Socket } from 'node:net';
import { StreamingController, type StreamingModuleOptions } from 'nestjs-streaming';
import { finalize, map, merge, type Observable, retry, tap } from 'rxjs';
import type { SseEvent } from '../../../support/clients/sse.js';
import { Peak } from '../../../support/server-side.js';
import { eventually } from '../../../support/wait.js';
import {
  adapters,
  createTaskApp,
  expectNoHole,
  expectWatchers,
  type Puppet,
  PuppetTask,
  resumeAfter,
  type TaskApp,
  type TaskAppOptions,
  watch,
} from '../../../support/watching.js';
import { expectWholeStream, ownController } from '../support.js';

/** Adds a field to the data of every event that has some. */
@Injectable()
class Stamping implements NestInterceptor<MessageEvent, MessageEvent> {
  intercept(_context: ExecutionContext, next: CallHandler<MessageEvent>): Observable<MessageEvent> {
    return next
      .handle()
      .pipe(
        map((event) =>
          typeof event.data === 'object' ? { ...event, data: { ...event.data, stamped: true } } : event,
        ),
      );
  }
}

/** Remembers what passes. */
class Watching implements NestInterceptor {
  readonly seen: MessageEvent[] = [];
  ends = 0;

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    if (context.getHandler().name !== 'watch') return next.handle();
    return next.handle().pipe(
      tap({
        next: (event: MessageEvent) => {
          this.seen.push(event);
        },
        finalize: () => {
          this.ends += 1;
        },
      }),
    );
  }
}

@Controller('mine')
@UseInterceptors(Stamping)
class InterceptedController extends StreamingController {}

const big = 'x'.repeat(200_000);
const typesOf = (events: readonly SseEvent[]): string[] => events.map(({ type }) => type);

describe.each(adapters)('interceptors and events (%s)', (adapter) => {
  async function serve(
    http: StreamingModuleOptions['http'],
    more: TaskAppOptions = {},
    task = new PuppetTask(),
  ): Promise<{ app: TaskApp; puppet: Puppet; task: PuppetTask }> {
    const app = await createTaskApp({
      adapter,
      tasks: [task.type],
      ...more,
      ...(http !== undefined && { options: { ...more.options, http } }),
    });
    return { app, puppet: await task.start(app), task };
  }

  it('an interceptor of the routes sees and maps every event', async () => {
    const watching = new Watching();
    const { puppet } = await serve({ interceptors: [watching, Stamping] });
    puppet.send('early', { n: 1 });
    const stream = await watch(puppet.url);
    await stream.nextEvents(2);
    puppet.send('live', { n: 2 });
    expect((await stream.next('live')).data).toEqual({ n: 2, stamped: true });
    await puppet.end();
    expect(await stream.ended).toBe('complete');
    expect(typesOf(stream.events)).toEqual(['started', 'early', 'live', 'completed']);
    expectNoHole(stream.events);
    for (const { data } of stream.events) expect(data).toMatchObject({ stamped: true });
    expect(watching.seen.map(({ type, id }) => ({ type, id }))).toEqual(
      stream.events.map(({ type, id }) => ({ type, id })),
    );
    expect(watching.ends).toBe(1);
    expect(stream.retry).toBe(2_000);
  });

  it('an interceptor of a controller of your own does, too', async () => {
    const { app, puppet, task } = await serve(
      { controller: false },
      { controllers: [InterceptedController] },
    );
    const stream = await watch(`${app.origin}/mine/test/${task.name}/${puppet.id}`);
    expect((await stream.next('started')).data).toEqual({ attempt: 1, stamped: true });
    const many = await watch(`${app.origin}/mine/events?task=test/${task.name}/${puppet.id}`);
    expect((await many.next('started')).data).toMatchObject({ data: { attempt: 1 }, stamped: true });
  });

  it('a global one sees only that a stream begins and ends, unless interceptEvents says otherwise', async () => {
    for (const interceptEvents of [undefined, true]) {
      const watching = new Watching();
      const { puppet } = await serve(interceptEvents === undefined ? {} : { interceptEvents }, {
        configure: (app) => app.useGlobalInterceptors(watching),
      });
      const stream = await watch(puppet.url);
      await stream.next('started');
      await puppet.end();
      await stream.ended;
      expect(watching.seen.map(({ type }) => type)).toEqual(interceptEvents ? ['started', 'completed'] : []);
      expect(watching.ends).toBe(1);
    }
  });

  it('what a route of your own pipes a stream through is applied', async () => {
    let ends = 0;
    const finalized = finalize<MessageEvent>(() => {
      ends += 1;
    });
    const { puppet } = await serve(
      { controller: false },
      { controllers: [ownController((events) => events.pipe(finalized))] },
    );
    await expectWholeStream(puppet, puppet.url.replace('/stream/', '/own/'));
    expect(ends).toBe(1);
  });

  it('an interceptor that subscribes twice at once doubles no event', async () => {
    class Twice implements NestInterceptor {
      intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
        return merge(next.handle(), next.handle());
      }
    }
    for (const interceptEvents of [true, false]) {
      const { puppet } = await serve({ interceptors: [new Twice()], interceptEvents });
      const stream = await watch(puppet.url);
      await stream.next('started');
      puppet.count(3);
      await puppet.end();
      expect(await stream.ended).toBe('complete');
      expectNoHole(stream.events);
    }
  });

  it('interceptEvents: false keeps the shared frames, though the routes have interceptors', async () => {
    const watching = new Watching();
    const { puppet } = await serve({ interceptors: [watching], interceptEvents: false });
    const stream = await watch(puppet.url);
    await stream.next('started');
    expect(stream.raw).toMatch(/event: started\ndata: \{"attempt":1\}\nid: /);
    expect(watching.seen).toEqual([]);
  });

  it('data of every kind, and ids, come as without interceptors', async () => {
    const { puppet } = await serve({ interceptEvents: true });
    const values = [
      null,
      5,
      true,
      'text',
      'a\nb\r\nc',
      '',
      [1, [2]],
      {},
      { a: { b: '\u2028💥' } },
      '{"no":1}',
    ];
    for (const value of values) puppet.send('value', value);
    const stream = await watch(puppet.url);
    const events = await stream.nextEvents(values.length + 1);
    expect(events.slice(1).map(({ data }) => data)).toEqual(values);
    expectNoHole(events);
  });

  it('S9 S10 S36 resuming, gaps and the end are the same', async () => {
    const { puppet } = await serve({ interceptEvents: true }, {}, new PuppetTask({ replay: { events: 3 } }));
    const stream = await watch(puppet.url);
    const { id } = await stream.next('started');
    puppet.count(5);
    const back = await resumeAfter(puppet.url, id!);
    const [gap] = await back.nextEvents(4);
    expect(gap).toMatchObject({ type: 'gap', data: { cause: 'expired', missed: 2 } });
    expectNoHole(back.events, 1);
    await puppet.end();
    await back.ended;
    expect((await resumeAfter(puppet.url, back.lastEventId!)).status).toBe(204);
  });

  it('A30 headers and the first comment go out at once for a silent task, and heartbeats follow', async () => {
    const task = new PuppetTask();
    const { puppet } = await serve({ interceptEvents: true, heartbeat: 20 }, {}, task);
    const { id } = await (await watch(puppet.url)).next('started');
    const silent = await resumeAfter(puppet.url, id!);
    await eventually(() => silent.comments > 3);
    expect(silent.events).toEqual([]);
    expect(silent.raw).toMatch(/^\n?retry: 2000\n: connected\n(:\n){3,}$/);
  });

  it('one that subscribes again, as retry() does, takes no second place', async () => {
    const interceptor: NestInterceptor = {
      intercept: (_context, next) => {
        let failures = 1;
        const passing = tap(() => {
          if (failures-- > 0) throw new Error('once');
        });
        return next.handle().pipe(passing, retry(1));
      },
    };
    const { puppet } = await serve({ interceptors: [interceptor], maxStreams: 2 });
    for (let n = 0; n < 3; n++) {
      await eventually(async () => {
        const stream = await watch(puppet.url);
        expect(await stream.next('started')).toMatchObject({ data: { attempt: 1 } });
        await stream.close();
      });
      await expectWatchers(puppet, 0);
    }
  });

  it('S23 S49 a client that does not read is waited for, in bounded memory, and then gets all', async () => {
    const { puppet, app } = await serve(
      { interceptEvents: true },
      {},
      new PuppetTask({ replay: { bytes: 60_000_000 } }),
    );
    const sockets: Socket[] = [];
    (app.app.getHttpServer() as Server).on('connection', (socket: Socket) => sockets.push(socket));
    for (let n = 0; n < 100; n++) puppet.send('big', big);
    const stream = await watch(puppet.url);
    stream.pause();
    using peak = new Peak(() => Math.max(...sockets.map(({ writableLength }) => writableLength)));
    for (let n = 0; n < 100; n++) puppet.send('big', big);
    await eventually(() => peak.most > 0);
    stream.resume();
    await stream.nextEvents(201);
    await puppet.end();
    await stream.ended;
    expectNoHole(stream.events);
    expect(peak.most).toBeGreaterThan(0);
    expect(peak.most).toBeLessThan(1_000_000);
  });

  it('S51 one that does not read at all is destroyed after stallTimeout', async () => {
    const { puppet } = await serve(
      { interceptEvents: true, stallTimeout: 300 },
      {},
      new PuppetTask({ replay: { bytes: 60_000_000 } }),
    );
    const stream = await watch(puppet.url);
    await stream.next('started');
    stream.pause();
    for (let n = 0; n < 100; n++) puppet.send('big', big);
    await expectWatchers(puppet, 0);
  });
});

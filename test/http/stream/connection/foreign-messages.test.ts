import { describe, expect, it } from '@jest/globals';
import {
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
  NotFoundException,
  UseInterceptors,
} from '@nestjs/common';
import {
  concatWith,
  defaultIfEmpty,
  defer,
  delay,
  endWith,
  filter,
  from,
  interval,
  lastValueFrom,
  map,
  merge,
  mergeMap,
  NEVER,
  type Observable,
  of,
  startWith,
  Subject,
  take,
  tap,
  throwIfEmpty,
  timer,
} from 'rxjs';
import type { SseStream } from '../../../support/clients/sse.js';
import {
  adapters,
  createTaskApp,
  expectNoHole,
  type Puppet,
  PuppetTask,
  resumeAfter,
  watch,
} from '../../../support/watching.js';
import { expectWholeStream, ownController } from '../support.js';

type Operator = (events: Observable<object>) => Observable<unknown>;

/** Applies an operator to the streams, and leaves the other routes alone. */
class Applying implements NestInterceptor {
  constructor(private readonly operator: Operator) {}

  intercept(context: ExecutionContext, next: CallHandler<object>): Observable<unknown> {
    const name = context.getHandler().name;
    return name === 'watch' || name === 'watchAll' ? this.operator(next.handle()) : next.handle();
  }
}

const added = { data: { added: true } };
const numbered = { id: '7', type: 'mine', data: 'text' };

/** They see no event, so to them the stream is empty. */
const unseen: Readonly<Record<string, Operator>> = {
  'a message at the beginning': startWith(added),
  'a message long before it subscribes': (events) =>
    timer(30).pipe(mergeMap(() => events.pipe(startWith(added)))),
  'a message with an id at the end': endWith(numbered),
  'a default': defaultIfEmpty({ ok: true }),
  'the last value, as a promise': (events) => from(lastValueFrom(events)),
  'an error for what is empty': throwIfEmpty(() => new NotFoundException()),
  'messages in between': (events) => merge(events, interval(5).pipe(take(20))),
  'messages without an end': concatWith(interval(5)),
  'a wait without an end': concatWith(NEVER),
};

describe.each(adapters)('messages that an interceptor makes up (%s)', (adapter) => {
  async function serve(operator: Operator, isSeen: boolean): Promise<Puppet> {
    const task = new PuppetTask();
    const app = await createTaskApp({
      adapter,
      tasks: [task.type],
      options: { http: isSeen ? { interceptors: [new Applying(operator)] } : {} },
      ...(!isSeen && { configure: (nest) => nest.useGlobalInterceptors(new Applying(operator)) }),
    });
    return task.start(app);
  }

  async function readToEnd(puppet: Puppet): Promise<SseStream> {
    const stream = await watch(puppet.url);
    await stream.next('started');
    puppet.count(2);
    await stream.nextEvents(2);
    await puppet.end();
    expect(await stream.ended).toBe('complete');
    return stream;
  }

  const idsOf = ({ raw }: SseStream): string[] => [...raw.matchAll(/^id: (.*)$/gm)].map(([, id]) => id ?? '');

  it.each(Object.entries(unseen))(
    '%s is not written where it does not see the events',
    async (_name, operator) => {
      const puppet = await serve(operator, false);
      const stream = await readToEnd(puppet);
      expect(stream.raw).toMatch(
        /^\n?retry: 2000\n: connected\nevent: started\n[^]*\nevent: completed\ndata: [^\n]*\nid: [^\n]+-4\n\n$/,
      );
      expectNoHole(stream.events);
      expect(stream.events).toHaveLength(4);
      expect(stream.lastEventId).toMatch(/-4$/);
    },
  );

  it('the streams of many tasks neither', async () => {
    const task = new PuppetTask();
    const app = await createTaskApp({
      adapter,
      tasks: [task.type],
      configure: (nest) => nest.useGlobalInterceptors(new Applying((events) => merge(of(added), events))),
    });
    const puppet = await task.start(app);
    const stream = await watch(`${app.url}/events?task=test/${task.name}/${puppet.id}`);
    await stream.next('started');
    await puppet.end();
    expect(await stream.ended).toBe('complete');
    expect(stream.events.map(({ type }) => type)).toEqual(['started', 'completed']);
  });

  it('an error in the middle of a stream it does not see ends it without a frame; the client goes on where it was', async () => {
    let failing = new Subject<object>();
    const puppet = await serve((events) => defer(() => merge(events, failing)), false);
    const stream = await watch(puppet.url);
    await stream.next('started');
    puppet.count(1);
    await stream.next('n');
    const broken = failing;
    failing = new Subject();
    broken.error(new Error('broken'));
    expect(await stream.ended).toBe('complete');
    expect(stream.events.map(({ type }) => type)).toEqual(['started', 'n']);
    puppet.count(1);
    const back = await resumeAfter(puppet.url, idsOf(stream).at(-1)!);
    expect(await back.next()).toMatchObject({ type: 'n', data: 2 });
  });

  it('an error before the beginning is an answer of HTTP', async () => {
    const puppet = await serve(
      (events) =>
        events.pipe(
          startWith(added),
          tap(() => {
            throw new NotFoundException('not for you');
          }),
        ),
      false,
    );
    const answer = await watch(puppet.url);
    expect(answer.status).toBe(404);
    expect(await answer.json()).toMatchObject({ message: 'not for you' });
  });

  it('what it adds where it sees the events has no id, and all else is as it was', async () => {
    const puppet = await serve(
      (events) =>
        events.pipe(
          mergeMap((event) => [event, added, numbered, { comment: 'so far' }]),
          startWith({ data: 'one\ntwo' }),
        ),
      true,
    );
    const stream = await watch(puppet.url);
    expect(await stream.next('message')).toMatchObject({ raw: 'one\ntwo', id: undefined });
    await stream.next('started');
    puppet.count(1);
    await stream.next('n');
    await puppet.end();
    expect(await stream.ended).toBe('complete');
    expectNoHole(stream.events.filter(({ id }) => id !== undefined));
    expect(stream.events.map(({ type }) => type)).toEqual([
      'message',
      'started',
      'message',
      'mine',
      'n',
      'message',
      'mine',
      // Nothing follows the terminal event.
      'completed',
    ]);
    expect(idsOf(stream)).toHaveLength(3);
    // A blank line follows an event only.
    expect(stream.raw).toMatch(/\n: so far\n(?!\n)/);
    expect(stream.raw).not.toMatch(/\n: so far\n\n/);
  });

  it.each([
    ['at the end', endWith<object, [object]>(added)],
    ['without an end', concatWith<object, [number]>(interval(5))],
  ] as const)('nothing follows the terminal event, whatever it adds %s', async (_when, operator) => {
    const puppet = await serve(operator, true);
    const stream = await readToEnd(puppet);
    expect(stream.events.map(({ type }) => type)).toEqual(['started', 'n', 'n', 'completed']);
    expect(stream.raw).toMatch(/-4\n\n$/);
  });

  it('events that it holds for a while are written before the end', async () => {
    const puppet = await serve(delay(30), true);
    const stream = await readToEnd(puppet);
    expectNoHole(stream.events);
    expect(stream.events.at(-1)).toMatchObject({ type: 'completed' });
  });

  it('events that it leaves out are left out', async () => {
    const puppet = await serve(
      filter((event) => (event as { type?: string }).type !== 'n'),
      true,
    );
    const stream = await watch(puppet.url);
    await stream.next('started');
    puppet.count(3);
    await puppet.end();
    expect(await stream.ended).toBe('complete');
    expect(stream.events.map(({ type }) => type)).toEqual(['started', 'completed']);
  });

  it('an error of one that sees the events is no frame, and the client goes on where it was', async () => {
    const puppet = await serve(
      map((event) => {
        if ((event as { type?: string }).type === 'bad') throw new Error('a secret');
        return event;
      }),
      true,
    );
    const stream = await watch(puppet.url);
    await stream.next('started');
    puppet.count(1);
    await stream.next('n');
    puppet.send('bad');
    expect(await stream.ended).toBe('complete');
    expect(stream.events.map(({ type }) => type)).toEqual(['started', 'n']);
    expect(stream.lastEventId).toMatch(/-2$/);
  });

  it('so it is on a route of your own that overrides one', async () => {
    const OwnController = ownController();
    UseInterceptors(new Applying(startWith(added)))(OwnController);
    const task = new PuppetTask();
    const app = await createTaskApp({
      adapter,
      tasks: [task.type],
      controllers: [OwnController],
      options: { http: { controller: false, interceptEvents: false } },
    });
    const puppet = await task.start(app);
    await expectWholeStream(puppet, puppet.url.replace('/stream/', '/own/'));
  });
});

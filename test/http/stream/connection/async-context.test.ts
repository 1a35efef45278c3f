import { afterAll, describe, expect, it } from '@jest/globals';
import type { CallHandler, ExecutionContext, INestApplication, NestInterceptor } from '@nestjs/common';
import { AsyncLocalStorage } from 'node:async_hooks';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { TaskContext } from 'nestjs-streaming';
import { finalize, type Observable, tap } from 'rxjs';
import { Mortals } from '../../../cancellation/gc.js';
import { eventually } from '../../../support/wait.js';
import { createTaskApp, type Puppet, PuppetTask, type TaskApp, watch } from '../../../support/watching.js';

interface Caller {
  readonly user: string;
}

const storage = new AsyncLocalStorage<Caller>();
afterAll(() => {
  storage.disable();
});

/** Who a piece of the application's code ran for: the user of its request, and the task whose handler it is below. */
const here = (): string =>
  `${storage.getStore()?.user ?? 'nobody'}/${TaskContext.current()?.id ?? 'no task'}`;

/** Gives each request a store of its own, with the user that it names. */
function requestStore(app: INestApplication, callers?: Mortals): void {
  app.use((request: IncomingMessage, _response: ServerResponse, next: () => void) => {
    const caller = { user: String(request.headers['x-user']) };
    callers?.add(caller);
    storage.run(caller, next);
  });
}

/** Notes who each of its callbacks ran for, by the user whose stream it is. */
class Contexts implements NestInterceptor {
  readonly seen = new Map<string, Set<string>>();

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const request = context.switchToHttp().getRequest<IncomingMessage>();
    if (context.getHandler().name !== 'watch') return next.handle();
    const seen = new Set<string>();
    this.seen.set(String(request.headers['x-user']), seen);
    const note = (): void => void seen.add(here());
    return next.handle().pipe(tap({ next: note, complete: note }), finalize(note));
  }
}

const as = (user: string): { headers: Record<string, string> } => ({ headers: { 'x-user': user } });

describe('the async context of a stream', () => {
  async function serve(
    http: { interceptors?: NestInterceptor[]; interceptEvents?: boolean; maxAge?: number },
    configure: (app: INestApplication) => unknown = requestStore,
  ): Promise<{ app: TaskApp; start: (starter: string) => Promise<Puppet> }> {
    const task = new PuppetTask();
    const app = await createTaskApp({ tasks: [task.type], options: { http }, configure });
    return { app, start: (user) => storage.run({ user }, () => task.start(app, { id: `of-${user}` })) };
  }

  it('an interceptor runs in that of its request, whoever sends', async () => {
    const contexts = new Contexts();
    const { start } = await serve({ interceptors: [contexts] });
    const [alices, bobs] = [await start('alice'), await start('bob')];
    const streams = await Promise.all([
      watch(alices.url, as('carol')),
      watch(alices.url, as('dave')),
      watch(bobs.url, as('erin')),
    ]);
    await Promise.all(streams.map((stream) => stream.next('started')));
    // Both tasks send in one turn, so one flush writes for all.
    for (const puppet of [alices, bobs]) storage.run({ user: 'sender' }, () => puppet.count(2));
    await Promise.all(streams.map((stream) => stream.nextEvents(2)));
    await Promise.all([alices.end(), bobs.end()]);
    await Promise.all(streams.map((stream) => stream.ended));
    expect(Object.fromEntries([...contexts.seen].map(([user, seen]) => [user, [...seen]]))).toEqual({
      carol: ['carol/no task'],
      dave: ['dave/no task'],
      erin: ['erin/no task'],
    });
  });

  it('so it does when the client was slow, and its stream goes on when it has read', async () => {
    const contexts = new Contexts();
    const { start } = await serve({ interceptors: [contexts] });
    const puppet = await start('alice');
    const stream = await watch(puppet.url, as('carol'));
    await stream.next('started');
    stream.pause();
    for (let n = 0; n < 60; n++) puppet.send('big', 'x'.repeat(10_000));
    for (let n = 0; n < 60; n++) puppet.send('big', 'x'.repeat(200_000));
    stream.resume();
    await puppet.end();
    await stream.ended;
    expect([...(contexts.seen.get('carol') ?? [])]).toEqual(['carol/no task']);
  });

  it('the end reaches a global interceptor and the listeners of a response there, too', async () => {
    const contexts = new Contexts();
    const finished: string[] = [];
    const { start } = await serve({}, (app) => {
      requestStore(app);
      app.use((_request: IncomingMessage, response: ServerResponse, next: () => void) => {
        response.on('finish', () => finished.push(here()));
        next();
      });
      app.useGlobalInterceptors(contexts);
    });
    const puppet = await start('alice');
    const streams = await Promise.all([watch(puppet.url, as('carol')), watch(puppet.url, as('dave'))]);
    await Promise.all(streams.map((stream) => stream.next('started')));
    await puppet.end();
    await Promise.all(streams.map((stream) => stream.ended));
    expect([...(contexts.seen.get('carol') ?? [])]).toEqual(['carol/no task']);
    expect([...(contexts.seen.get('dave') ?? [])]).toEqual(['dave/no task']);
    expect(finished.toSorted()).toEqual(['carol/no task', 'dave/no task']);
  });

  it.each(['maxAge', 'shutdown'] as const)('also when %s ends the stream', async (cause) => {
    const contexts = new Contexts();
    const { app, start } = await serve({
      interceptors: [contexts],
      ...(cause === 'maxAge' && { maxAge: 1_500 }),
    });
    const puppet = await start('alice');
    const first = await watch(puppet.url, as('carol'));
    const second = await watch(puppet.url, as('dave'));
    await Promise.all([first.next('started'), second.next('started')]);
    if (cause === 'shutdown') await storage.run({ user: 'closer' }, () => app.coordinator.shutdown());
    await Promise.all([first.ended, second.ended]);
    expect(Object.fromEntries([...contexts.seen].map(([user, seen]) => [user, [...seen]]))).toEqual({
      carol: ['carol/no task'],
      dave: ['dave/no task'],
    });
  });

  it('a stream that is over keeps no store of its request, though others go on', async () => {
    const callers = new Mortals();
    const { start } = await serve({}, (nest) => requestStore(nest, callers));
    const puppet = await start('alice');
    // The first stream arms what all share, and its end is the first that is flushed.
    await (async () => {
      const first = await watch(puppet.url, as('carol'));
      await first.next('started');
      const others = await Promise.all([watch(puppet.url, as('dave')), watch(puppet.url, as('erin'))]);
      await Promise.all(others.map((other) => other.next('started')));
      puppet.count(1);
      await first.next('n');
      await first.close();
    })();
    await eventually(async () => expect(await puppet.handle.snapshot()).toMatchObject({ watchers: 2 }));
    expect(await callers.left(2)).toBe(2);
    // A collection takes long in the heap of many test files.
  });
});

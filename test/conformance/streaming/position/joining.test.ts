import { describe, expect, it } from '@jest/globals';
import { type CanActivate, Injectable, type NestInterceptor } from '@nestjs/common';
import * as fc from 'fast-check';
import type { Server } from 'node:http';
import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises';
import type { TaskAuthorizer, TaskEvent } from 'nestjs-streaming';
import { sides } from '../../../support/app/sides.js';
import { takesEffect } from '../../../support/app/store.js';
import {
  createTaskApp,
  expectNoHole,
  type Puppet,
  PuppetTask,
  range,
  resumeAfter,
  seqOf,
  watch,
} from '../../../support/watching.js';

/** Calls back before a method does its work. */
function onCall(target: object, method: string, callback: () => void): void {
  const original: unknown = Reflect.get(target, method);
  Reflect.set(target, method, function (this: unknown, ...args: unknown[]): unknown {
    callback();
    return Reflect.apply(original as (...given: unknown[]) => unknown, this, args);
  });
}

describe.each(sides)('joining what is live ($name)', (side) => {
  it.each(['response', 'socket'])(
    'S27 S28 an event at every await point of the attach, and at each write to the %s, arrives exactly once and in order',
    async (written) => {
      let puppet: Puppet | undefined;
      const send = (where: string): void => puppet?.send(where);
      @Injectable()
      class Guard implements CanActivate {
        async canActivate(): Promise<boolean> {
          send('guard');
          await turn();
          send('guard-later');
          return true;
        }
      }
      @Injectable()
      class Authorizer implements TaskAuthorizer {
        async authorize(): Promise<boolean> {
          send('authorize');
          await delay(1);
          send('authorize-later');
          return true;
        }
      }
      const interceptor: NestInterceptor = {
        intercept: (_context, next) => {
          send('intercept');
          return next.handle();
        },
      };
      const task = new PuppetTask();
      const app = await createTaskApp({
        ...side,
        tasks: [task.type],
        options: { http: { guards: [Guard], interceptors: [interceptor] }, authorize: Authorizer },
      });
      puppet = await task.start(app);
      const { send: tell } = puppet;
      const server = app.app.getHttpServer() as Server;
      server.prependListener('request', ({ socket }, response) => {
        tell('request');
        onCall(response, 'writeHead', () => tell('head'));
        // Each write of the attach, too: the headers, the first comment, the first events.
        let writes = 0;
        onCall(written === 'socket' ? socket : response, 'write', () => {
          if (++writes <= 5) tell(`write-${writes}`);
        });
        process.nextTick(() => tell('tick'));
        setImmediate(() => tell('immediate'));
        setTimeout(() => tell('timer'), 0);
      });
      const first = await watch(puppet.url);
      const second = await resumeAfter(puppet.url, (await first.next('request')).id ?? '');
      await second.next('write-5');
      await puppet.end();
      await Promise.all([first.ended, second.ended]);
      const { lastEventId } = await puppet.handle.snapshot();
      const last = seqOf({ id: lastEventId ?? '' });
      expect(last).toBeGreaterThan(20);
      expect(first.events.map(seqOf)).toEqual(range(1, last));
      expect(second.events.map(seqOf)).toEqual(range(seqOf(second.events[0]!), last));
      expect(first.events.map(({ type }) => type)).toEqual(
        expect.arrayContaining([
          'guard-later',
          'authorize-later',
          'intercept',
          'head',
          'write-1',
          'tick',
          'timer',
        ]),
      );
    },
  );

  it('S27 S28 watchers that come at any moment of a stream of events miss and repeat nothing', async () => {
    const task = new PuppetTask();
    const app = await createTaskApp({ ...side, tasks: [task.type] });
    const pause = fc.constantFrom('none', 'micro', 'tick', 'immediate', 'timer');
    const pauses: Record<string, () => unknown> = {
      none: () => undefined,
      micro: () => Promise.resolve(),
      tick: () => new Promise<void>((resolve) => process.nextTick(resolve)),
      immediate: () => turn(),
      timer: () => delay(1),
    };
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(pause, fc.nat({ max: 3 }), fc.boolean()), { minLength: 5, maxLength: 40 }),
        async (steps) => {
          const puppet = await task.start(app);
          const opening: ReturnType<typeof watch>[] = [];
          for (const [how, count, comes] of steps) {
            puppet.count(count);
            if (comes && opening.length < 6) {
              const { lastEventId } = await puppet.handle.snapshot();
              opening.push(
                opening.length % 2 ? resumeAfter(puppet.url, lastEventId ?? '') : watch(puppet.url),
              );
            }
            await pauses[how]?.();
          }
          await puppet.end();
          for (const stream of await Promise.all(opening)) {
            await stream.ended;
            const [first] = stream.events;
            // One that resumed with the newest id, and whose task then ended, has at least the end to see.
            if (first) expectNoHole(stream.events, seqOf(first) - 1);
            expect(stream.events.filter(({ type }) => type === 'gap')).toEqual([]);
            if (stream.status === 200) expect(stream.events.at(-1)?.type).toBe('completed');
          }
        },
      ),
      { numRuns: 25 },
    );
  });

  it('S27 S21 very many watchers of a log that is trimmed under them miss nothing without being told', async () => {
    const task = new PuppetTask({ replay: { events: 20 } });
    const app = await createTaskApp({ ...side, tasks: [task.type] });
    const puppets = await Promise.all([task.start(app), task.start(app)]);
    const opening = puppets.flatMap(({ url }) => range(1, 40).map(() => watch(url)));
    for (let burst = 0; burst < 40; burst++) {
      for (const puppet of puppets) puppet.count(7 + (burst % 5) * 5);
      await (burst % 3 ? turn() : delay(1));
    }
    await Promise.all(puppets.map((puppet) => puppet.end()));
    for (const stream of await Promise.all(opening)) {
      expect(await stream.ended).toBe('complete');
      expectNoHole(stream.events);
      expect(stream.events.at(-1)?.type).toBe('completed');
    }
  });

  it('S33 watching before the task exists is 404, and works a moment later', async () => {
    const task = new PuppetTask();
    const app = await createTaskApp({ ...side, tasks: [task.type] });
    const early = await watch(task.urlOf(app, 'soon'));
    expect(early.status).toBe(404);
    expect(await early.json()).toMatchObject({ statusCode: 404, code: 'TASK_NOT_FOUND' });
    const puppet = await task.start(app, { id: 'soon' });
    const stream = await watch(puppet.url);
    expect(await stream.next()).toMatchObject({ type: 'started' });
    await puppet.end();
  });

  it('S32 a watcher that makes the handler send, over HTTP, gets its answers in order', async () => {
    const task = new PuppetTask();
    const app = await createTaskApp({ ...side, tasks: [task.type] });
    const puppet = await task.start(app);
    void (async () => {
      for (let n = 0; n < 20; n++) puppet.send('answer', await puppet.context.waitForSignal('ask'));
      await puppet.end();
    })();
    const stream = await watch(puppet.url);
    await stream.next('started');
    for (let n = 0; n < 20; n++) {
      await app.coordinator.signal(puppet.handle.ref, 'ask', n);
      expect(await stream.next('answer')).toMatchObject({ data: n });
    }
    await stream.ended;
    expectNoHole(stream.events);
  });
});

describe('joining what is live, in the process', () => {
  it('S32 a callback that makes the handler send neither reorders, doubles nor nests deliveries', async () => {
    const task = new PuppetTask();
    const app = await createTaskApp({ tasks: [task.type], listen: false });
    const puppet = await task.start(app);
    const seen: number[][] = [[], []];
    let depth = 0;
    let deepest = 0;
    for (const list of seen) {
      puppet.handle.events().subscribe((event) => {
        depth += 1;
        deepest = Math.max(deepest, depth);
        list.push(seqOf(event));
        if (event.type === 'n' && (event.data as number) < 30) puppet.count(1);
        depth -= 1;
      });
    }
    puppet.count(1);
    await takesEffect(() => {
      for (const list of seen) expect(list.length).toBeGreaterThan(30);
    });
    await puppet.stored();
    await puppet.end();
    const { lastEventId } = await puppet.handle.snapshot();
    const all = range(1, seqOf({ id: lastEventId ?? '' }));
    expect(all.length).toBeGreaterThan(30);
    expect(seen).toEqual([all, all]);
    // The second subscriber is woken while the first one's callback sends: each still gets its own, one by one.
    expect(deepest).toBeLessThanOrEqual(seen.length);
  });

  it('S32 a callback never runs inside itself', async () => {
    const task = new PuppetTask();
    const app = await createTaskApp({ tasks: [task.type], listen: false });
    const puppet = await task.start(app);
    let inside = false;
    const nested: TaskEvent[] = [];
    const types: string[] = [];
    puppet.handle.events().subscribe((event) => {
      if (inside) nested.push(event);
      inside = true;
      types.push(event.type);
      if (event.type === 'started') {
        puppet.send('first');
        puppet.send('second');
      }
      inside = false;
    });
    await takesEffect(() => expect(types).toHaveLength(3));
    await puppet.end();
    expect(nested).toEqual([]);
    expect(types).toEqual(['started', 'first', 'second', 'completed']);
  });

  it('S27 events sent while a subscriber subscribes arrive exactly once', async () => {
    const task = new PuppetTask();
    const app = await createTaskApp({ tasks: [task.type], listen: false });
    const puppet = await task.start(app);
    puppet.count(2);
    await puppet.stored();
    const seqs: number[] = [];
    puppet.handle.events().subscribe((event) => {
      seqs.push(seqOf(event));
      if (seqs.length < 10) puppet.count(1);
    });
    await takesEffect(() => expect(seqs).toEqual(range(1, 12)));
    await puppet.end();
    expect(seqs).toEqual(range(1, 13));
  });
});

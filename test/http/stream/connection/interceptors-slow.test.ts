import { describe, expect, it } from '@jest/globals';
import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import { type Observable, tap } from 'rxjs';
import { setTimeout as delay } from 'node:timers/promises';
import { Http2Client } from '../../../support/clients/http2-client.js';
import { readSlowly } from '../../../support/clients/relay.js';
import { StoppedClock } from '../../../support/stopped-clock.js';
import { createTaskApp, expectNoHole, type Puppet, PuppetTask } from '../../../support/watching.js';

/** Counts what passes. */
class Counting implements NestInterceptor {
  count = 0;

  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(tap(() => (this.count += 1)));
  }
}

// Over HTTP/2 a window bounds what is under way, where the buffers of a socket could hide what is queued.
describe('interceptors and clients that are slow (fastify, HTTP/2)', () => {
  async function serve(http: object): Promise<[Puppet, Counting, Http2Client]> {
    const task = new PuppetTask({ replay: { bytes: 50_000_000, events: 100_000 } });
    const counting = new Counting();
    const app = await createTaskApp({
      adapter: 'fastify-http2',
      tasks: [task.type],
      options: { http: { ...http, interceptors: [counting] } },
    });
    return [await task.start(app), counting, await Http2Client.connect(app.origin)];
  }

  it('S23 however small its events, no more is queued for one than it takes at once', async () => {
    const [puppet, counting, client] = await serve({});
    puppet.count(20_000);
    const stream = await client.open(puppet.url);
    let most = 0;
    stream.stream.on('data', () => {
      most = Math.max(most, counting.count - stream.events.length);
    });
    readSlowly(stream.stream, 40_000, () => delay(20));
    await stream.nextEvents(15_000);
    // What the window holds, and a chunk or two, of 50 bytes each.
    expect(most).toBeLessThan(5_000);
    expectNoHole(stream.events);
  });

  it('S51 one that is slow, but reads, is not given up', async () => {
    using clock = new StoppedClock();
    const stallTimeout = 30_000;
    const [puppet, , client] = await serve({ stallTimeout });
    for (let n = 0; n < 60; n++) puppet.send('big', 'x'.repeat(60_000));
    const stream = await client.open(puppet.url);
    readSlowly(stream.stream, 40_000, () => clock.advance(stallTimeout / 4));
    await stream.nextEvents(61);
    expectNoHole(stream.events);
    expect(clock.now()).toBeGreaterThan(10 * stallTimeout);
  });
});

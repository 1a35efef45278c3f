import { describe, expect, it } from '@jest/globals';
import {
  type CanActivate,
  Controller,
  type ExecutionContext,
  type MessageEvent,
  Sse,
  SseSignal,
  UseGuards,
} from '@nestjs/common';
import { IncomingMessage, ServerResponse } from 'node:http';
import { NEVER, type Observable, of, Subject } from 'rxjs';
import {
  isNestSseStream,
  type NestSseStream,
  replaceSse,
  setSseController,
  sseControllerOf,
  type Sse as SseMethod,
} from '../../lib/internals/nest-internals.js';
import { openStream } from '../support/clients/sse.js';
import { eventually } from '../support/wait.js';
import { createNest } from './nest-application.js';

/** What uses something of Nest that has no documentation: when this fails on a version of Nest, that has changed it. */
describe.each(['express', 'fastify'])('what is private of Nest of a stream of events (%s)', (adapter) => {
  it("another method can stand in the place of the router's", async () => {
    @Controller()
    class OneController {
      @Sse('events')
      events(): Observable<MessageEvent> {
        return of({ data: { n: 1 } });
      }
    }
    const calls: Parameters<SseMethod>[] = [];
    let own: SseMethod | undefined;
    const isReplaced = replaceSse((nestSse) => {
      own = nestSse;
      return function (...given) {
        calls.push(given);
        return nestSse.apply(this, given);
      };
    });
    try {
      expect(isReplaced).toBe(true);
      const { origin } = await createNest({ controllers: [OneController] }, { adapter });
      const stream = await openStream(`${origin}/events`);
      await stream.ended;
      expect(stream.events).toMatchObject([{ data: { n: 1 } }]);
      expect(calls).toHaveLength(1);
      const [[result, response, request]] = calls as [Parameters<SseMethod>];
      expect(result).toBeInstanceOf(Promise);
      expect(response).toBeInstanceOf(ServerResponse);
      expect(request).toBeInstanceOf(IncomingMessage);
    } finally {
      replaceSse(() => own!);
    }
  });

  it('a request can be given the controller that Nest would make', async () => {
    const controller = new AbortController();
    let raw: IncomingMessage | undefined;
    class Giving implements CanActivate {
      canActivate(context: ExecutionContext): boolean {
        const request = context.getArgByIndex<IncomingMessage & { raw?: IncomingMessage }>(0);
        raw = request.raw ?? request;
        expect(sseControllerOf(raw)).toBeUndefined();
        setSseController(request, raw, controller);
        return true;
      }
    }
    let given: AbortSignal | undefined;
    @Controller()
    @UseGuards(Giving)
    class OneController {
      @Sse('events')
      events(@SseSignal() signal: AbortSignal): Observable<MessageEvent> {
        given = signal;
        return NEVER;
      }
    }
    const { origin } = await createNest({ controllers: [OneController] }, { adapter });
    const stream = await openStream(`${origin}/events`);
    expect(given).toBe(controller.signal);
    expect(sseControllerOf(raw!)).toBe(controller);
    await stream.close();
    await eventually(() => expect(controller.signal.aborted).toBe(true));
  });

  it("what writes it is Nest's stream, whose headers, events and end are in our hands", async () => {
    const events = new Subject<MessageEvent>();
    @Controller()
    class OneController {
      @Sse('events')
      events(): Observable<MessageEvent> {
        return events;
      }
    }
    const piped: unknown[] = [];
    const { origin } = await createNest(
      { controllers: [OneController] },
      {
        adapter,
        configure: (app) =>
          app.use((_request: unknown, response: ServerResponse, next: () => void) => {
            response.once('pipe', (source: unknown) => piped.push(source));
            next();
          }),
      },
    );
    const stream = await openStream(`${origin}/events`);
    expect(piped.map(isNestSseStream)).toEqual([true]);
    const [source] = piped as [NestSseStream];
    expect(source.headersCommitted).toBe(true);
    const written: MessageEvent[] = [];
    source.writeMessage = (message, done) => {
      written.push(message);
      process.nextTick(done);
    };
    events.next({ data: 'one' });
    events.next({ data: 'two' });
    await eventually(() => expect(written).toMatchObject([{ data: 'one' }, { data: 'two' }]));
    expect(source.writableEnded).toBe(false);
    source.end();
    expect(await stream.ended).toBe('complete');
    expect(stream.events).toEqual([]);
    expect(isNestSseStream(new Subject())).toBe(false);
  });
});

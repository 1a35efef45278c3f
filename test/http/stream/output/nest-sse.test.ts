import { afterEach, describe, expect, it, jest } from '@jest/globals';
import {
  type ArgumentsHost,
  type CallHandler,
  type CanActivate,
  Catch,
  Controller,
  type ExceptionFilter,
  type ExecutionContext,
  type INestApplication,
  type MessageEvent,
  type NestInterceptor,
  type PipeTransform,
  Sse,
  SseSignal,
  UseFilters,
} from '@nestjs/common';
import { SseStream } from '@nestjs/core/router/sse-stream.js';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { StreamingController, type TaskAuthorizer } from 'nestjs-streaming';
import { NEVER, type Observable } from 'rxjs';
import { SseSignal as LazySignal } from '../../../../lib/http/stream/output/sse-signal.js';
import { closeLater } from '../../../support/clients/open-clients.js';
import { openStream } from '../../../support/clients/sse.js';
import { eventually } from '../../../support/wait.js';
import { adapters, createTaskApp, PuppetTask, watch } from '../../../support/watching.js';
import { expectWholeStream, ownController } from '../support.js';

/** A reply of Fastify, and where it takes hooks. */
interface Reply {
  header(name: string, value: string): this;
  removeHeader(name: string): this;
  status(code: number): this;
  send(body: string): void;
}
interface Hooks {
  addHook(name: 'onRequest', hook: (request: unknown, reply: Reply, done: () => void) => void): void;
}

/** A route of Nest's own, and a signal that it was given. */
@Controller('plain')
class PlainController {
  static signal: AbortSignal | undefined;

  @Sse()
  plain(@SseSignal() signal: AbortSignal): Observable<MessageEvent> {
    PlainController.signal = signal;
    return NEVER;
  }
}

class PassingInterceptor implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle();
  }
}

/** Lets everything pass, later. */
class AsyncPipe implements PipeTransform {
  async transform(value: unknown): Promise<unknown> {
    await new Promise((resolve) => setImmediate(resolve));
    return value;
  }
}

class SlowAuthorizer implements TaskAuthorizer {
  async authorize(): Promise<boolean> {
    await new Promise((resolve) => setImmediate(resolve));
    return true;
  }
}

/** How often Nest's own stream was made and has sent headers. */
function countNestStreams(): () => number {
  const commit = jest.spyOn(SseStream.prototype, 'commitHeaders');
  return () => commit.mock.calls.length;
}

afterEach(() => {
  jest.restoreAllMocks();
});

describe.each(adapters)('a stream that Nest leaves to this package, on %s', (adapter) => {
  it('has the headers of a stream of Nest, and those of the application', async () => {
    const task = new PuppetTask();
    const app = await createTaskApp({
      adapter,
      tasks: [task.type],
      controllers: [PlainController],
      configure(nest: INestApplication) {
        nest.enableCors({ origin: 'https://page.example', credentials: true });
        nest.use((_request: IncomingMessage, response: ServerResponse, next: () => void) => {
          response.setHeader('X-Middleware', 'yes');
          response.setHeader('Cache-Control', 'public');
          next();
        });
      },
    });
    const puppet = await task.start(app);
    const nestStreams = countNestStreams();
    const ours = await watch(puppet.url);
    expect(nestStreams()).toBe(0);
    const theirs = await openStream(`${app.origin}/plain`);
    closeLater(() => theirs.close());
    expect(nestStreams()).toBeGreaterThan(0);
    const { date: _ours, ...headers } = ours.headers;
    // Nest 11 writes `Expire`, which is no header.
    const { date: _theirs, expire: _misspelt, ...expected } = theirs.headers;
    expect(headers).toEqual({ ...expected, expires: '0' });
    expect(headers).toMatchObject({ 'content-type': 'text/event-stream', 'x-middleware': 'yes' });
  });

  it('is one also where a pipe or the authorizer takes its time', async () => {
    const task = new PuppetTask();
    const app = await createTaskApp({
      adapter,
      tasks: [task.type],
      options: { authorize: SlowAuthorizer },
      configure: (nest: INestApplication) => nest.useGlobalPipes(new AsyncPipe()),
    });
    const puppet = await task.start(app);
    const nestStreams = countNestStreams();
    await expectWholeStream(puppet);
    expect(nestStreams()).toBe(0);
  });

  it("is Nest's where an interceptor stands in between, also one that does not see the events", async () => {
    const task = new PuppetTask();
    const app = await createTaskApp({
      adapter,
      tasks: [task.type],
      configure: (nest: INestApplication) => nest.useGlobalInterceptors(new PassingInterceptor()),
    });
    const puppet = await task.start(app);
    const nestStreams = countNestStreams();
    await expectWholeStream(puppet);
    expect(nestStreams()).toBeGreaterThan(0);
  });

  it("is Nest's in a subclass with a method of its own", async () => {
    const task = new PuppetTask();
    const app = await createTaskApp({ adapter, tasks: [task.type], controllers: [ownController()] });
    const puppet = await task.start(app);
    const nestStreams = countNestStreams();
    await expectWholeStream(puppet, puppet.url.replace('/stream/', '/own/'));
    expect(nestStreams()).toBeGreaterThan(0);
  });

  it('answers what is refused through the filters of the controller', async () => {
    @Catch()
    class TeapotFilter implements ExceptionFilter {
      catch(_error: unknown, host: ArgumentsHost): void {
        const response = host
          .switchToHttp()
          .getResponse<{ status(code: number): { send(body: string): void } }>();
        response.status(418).send('no');
      }
    }

    @Controller('own')
    @UseFilters(TeapotFilter)
    class OwnController extends StreamingController {}

    const task = new PuppetTask();
    const app = await createTaskApp({ adapter, tasks: [task.type], controllers: [OwnController] });
    const response = await fetch(`${app.origin}/own/test/${task.name}/unknown`);
    expect([response.status, await response.text()]).toEqual([418, 'no']);
  });

  it('a signal of Nest still ends with its stream', async () => {
    const app = await createTaskApp({ adapter, controllers: [PlainController] });
    const stream = await openStream(`${app.origin}/plain`);
    expect(PlainController.signal?.aborted).toBe(false);
    await stream.close();
    await eventually(() => expect(PlainController.signal?.aborted).toBe(true));
  });
});

describe('a header that Node refuses', () => {
  it('goes to the exception filters, and takes no place', async () => {
    @Catch()
    class RefusedHeaderFilter implements ExceptionFilter {
      catch(error: TypeError, host: ArgumentsHost): void {
        const reply = host.switchToHttp().getResponse<Reply>();
        reply.removeHeader('x-wrong').status(500).send(error.message);
      }
    }

    const task = new PuppetTask();
    let isWrong = true;
    const app = await createTaskApp({
      adapter: 'fastify',
      tasks: [task.type],
      options: { http: { maxStreams: 1 } },
      configure(nest: INestApplication) {
        nest.useGlobalFilters(new RefusedHeaderFilter());
        const server = nest.getHttpAdapter().getInstance() as Hooks;
        server.addHook('onRequest', (_request, reply, done) => {
          if (isWrong) reply.header('x-wrong', 'two\nlines');
          done();
        });
      },
    });
    const puppet = await task.start(app);
    const response = await fetch(puppet.url);
    expect([response.status, await response.text()]).toEqual([
      500,
      'Invalid character in header content ["x-wrong"]',
    ]);
    expect(await puppet.handle.snapshot()).toMatchObject({ watchers: 0 });
    isWrong = false;
    const stream = await watch(puppet.url);
    await stream.next('started');
  });
});

describe('the stand-in for the AbortController of a request', () => {
  it('has a signal that is aborted with it, whenever it is read', () => {
    const [early, late] = [new LazySignal(), new LazySignal()];
    const { signal } = early;
    expect(signal.aborted).toBe(false);
    for (const controller of [early, late]) controller.abort();
    expect([signal.aborted, late.signal.aborted]).toEqual([true, true]);
    expect(early.signal).toBe(signal);
  });

  it('ends with its stream', async () => {
    const task = new PuppetTask();
    const requests: IncomingMessage[] = [];
    const guard: CanActivate = {
      canActivate(context) {
        requests.push(context.switchToHttp().getRequest<IncomingMessage>());
        return true;
      },
    };
    const app = await createTaskApp({
      tasks: [task.type],
      options: {
        http: {
          guards: [
            class {
              canActivate = guard.canActivate;
            },
          ],
        },
      },
    });
    const puppet = await task.start(app);
    const stream = await watch(puppet.url);
    const [request] = requests;
    const lifetime = LazySignal.of(request!)!;
    expect(lifetime.signal.aborted).toBe(false);
    await stream.close();
    await eventually(() => expect(lifetime.signal.aborted).toBe(true));
  });
});

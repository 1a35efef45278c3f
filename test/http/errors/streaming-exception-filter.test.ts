import { describe, expect, it } from '@jest/globals';
import {
  type ArgumentsHost,
  Catch,
  ConflictException,
  Controller,
  type ExceptionFilter,
  Get,
  Inject,
  Param,
  Post,
  Sse,
  UseFilters,
} from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import {
  CoordinatorService,
  InvalidEventError,
  InvalidOptionsError,
  InvalidQueryError,
  ShuttingDownError,
  StoreUnavailableError,
  StreamingExceptionFilter,
  TaskEndedError,
  TaskNotFoundError,
  TooManySignalsError,
} from 'nestjs-streaming';
import { z } from 'zod';
import { handlerTask } from '../../support/app.js';
import { call } from '../../support/clients/http-client.js';
import { adapters, createTaskApp, type TaskApp, type TaskAppOptions } from '../../support/watching.js';

const ref = { app: 'test', name: 'report', id: 'x' };
const thrown: Record<string, () => unknown> = {
  event: () => new InvalidEventError('no event'),
  query: () => new InvalidQueryError('no query'),
  unknown: () => new TaskNotFoundError(ref),
  ended: () => new TaskEndedError('it is over'),
  signals: () => new TooManySignalsError('too many'),
  closing: () => new ShuttingDownError(),
  away: () => new StoreUnavailableError('no answer'),
  options: () => new InvalidOptionsError('wrong option'),
  conflict: () => new ConflictException('mine'),
  error: () => new Error('secret'),
};

class Reports {
  @Inject(CoordinatorService)
  private readonly coordinator!: CoordinatorService;

  @Post()
  async create(): Promise<unknown> {
    return (await this.coordinator.start({ app: 'test', name: 'report' }, { month: 11 })).ref;
  }

  @Post(':name/:id')
  async createOne(@Param('name') name: string, @Param('id') id: string): Promise<unknown> {
    return (await this.coordinator.start({ app: 'test', name }, { month: 'may' }, { id })).ref;
  }

  @Get('throws/:what')
  throws(@Param('what') what: string): never {
    throw thrown[what]!();
  }

  @Sse('events')
  events() {
    return this.coordinator.events(ref);
  }
}

@Controller('reports')
@UseFilters(StreamingExceptionFilter)
class FilteredController extends Reports {}

@Controller('reports')
class PlainController extends Reports {}

const ways: [how: string, options: TaskAppOptions][] = [
  ['@UseFilters()', { controllers: [FilteredController] }],
  [
    'APP_FILTER',
    {
      controllers: [PlainController],
      providers: [{ provide: APP_FILTER, useClass: StreamingExceptionFilter }],
    },
  ],
  [
    'useGlobalFilters()',
    {
      controllers: [PlainController],
      configure: (app) => app.useGlobalFilters(new StreamingExceptionFilter()),
    },
  ],
];

describe.each(adapters.flatMap((adapter) => ways.map(([how, options]) => ({ adapter, how, options }))))(
  'StreamingExceptionFilter ($adapter, $how)',
  ({ adapter, options }) => {
    const serve = (more: TaskAppOptions = {}): Promise<TaskApp> => {
      const input = z.object({ month: z.string() });
      const report = handlerTask((task) => task.sleep(60_000), {
        name: 'report',
        input,
        concurrency: 1,
        maxPending: 0,
      });
      return createTaskApp({ adapter, tasks: [report], ...options, ...more });
    };

    it.each([
      ['event', 400, 'INVALID_EVENT'],
      ['query', 400, 'INVALID_QUERY'],
      ['unknown', 404, 'TASK_NOT_FOUND'],
      ['ended', 409, 'TASK_ENDED'],
      ['signals', 429, 'TOO_MANY_SIGNALS'],
      ['closing', 503, 'SHUTTING_DOWN'],
      ['away', 503, 'STORE_UNAVAILABLE'],
    ])('%s is answered as the routes do', async (what, status, code) => {
      const app = await serve();
      const { message } = thrown[what]!() as Error;
      const answer = await call('GET', `${app.origin}/reports/throws/${what}`);
      expect(answer).toMatchObject({
        status,
        body: { statusCode: status, code, message, error: expect.any(String) },
      });
      expect(answer.headers).toMatchObject({
        'cache-control': 'no-store',
        'content-type': expect.stringMatching(/^application\/json/),
      });
      expect(answer.headers['retry-after']).toBe(status === 429 || status === 503 ? '5' : undefined);
      expect(app.logs.errors).toEqual([]);
    });

    it('a start is refused with all that the client needs', async () => {
      const app = await serve();
      const url = `${app.origin}/reports`;
      expect(await call('POST', url)).toMatchObject({
        status: 400,
        body: { code: 'INVALID_INPUT', issues: [{ path: ['month'], message: expect.any(String) }] },
      });
      expect(await call('POST', `${url}/report/a%20b`)).toMatchObject({
        status: 400,
        body: { code: 'INVALID_TASK_ID' },
      });
      const unknown = await call('POST', `${url}/none/x`);
      expect(unknown).toMatchObject({ status: 404, body: { code: 'TASK_NOT_FOUND' } });
      // What its message tells the application is no client's business.
      expect(unknown.text).not.toContain('@StreamTask');
      expect((await call('POST', `${url}/report/x`)).status).toBe(201);
      const full = await call('POST', `${url}/report/y`);
      expect(full).toMatchObject({ status: 429, body: { code: 'TOO_MANY_TASKS' } });
      expect(full.headers['retry-after']).toBe('5');
      expect((await app.coordinator.list()).items.map(({ id }) => id)).toEqual(['x']);
    });

    it('a stream of the application’s own that never began is answered likewise', async () => {
      const app = await serve();
      const answer = await call('GET', `${app.origin}/reports/events`, {
        headers: { accept: 'text/event-stream' },
      });
      expect(answer).toMatchObject({ status: 404, body: { code: 'TASK_NOT_FOUND' } });
    });

    it('all other exceptions are Nest’s: the server’s own faults are logged', async () => {
      const app = await serve();
      const url = `${app.origin}/reports/throws`;
      expect(await call('GET', `${url}/conflict`)).toMatchObject({
        status: 409,
        body: { statusCode: 409, message: 'mine', error: 'Conflict' },
      });
      for (const [what, message] of [
        ['options', 'wrong option'],
        ['error', 'secret'],
      ]) {
        const answer = await call('GET', `${url}/${what}`);
        expect(answer).toMatchObject({ status: 500, body: { message: 'Internal server error' } });
        expect(app.logs.errors.join('\n')).toContain(message);
      }
    });

    it('leaves the module’s own routes as they are', async () => {
      const app = await serve();
      const { status, body } = await call('GET', `${app.url}/test/report/none`);
      expect([status, body]).toMatchObject([404, { code: 'TASK_NOT_FOUND' }]);
    });
  },
);

describe('StreamingExceptionFilter beside other filters', () => {
  it('a filter for everything gets what it leaves', async () => {
    const seen: unknown[] = [];
    @Catch()
    class Everything implements ExceptionFilter {
      catch(error: unknown, host: ArgumentsHost): void {
        seen.push((error as Error).message);
        const response = host
          .switchToHttp()
          .getResponse<{ status(code: number): { send(body: string): void } }>();
        response.status(418).send('mine');
      }
    }
    const app = await createTaskApp({
      controllers: [FilteredController],
      configure: (nest) => nest.useGlobalFilters(new Everything()),
    });
    const url = `${app.origin}/reports/throws`;
    expect((await call('GET', `${url}/ended`)).status).toBe(409);
    expect((await call('GET', `${url}/options`)).status).toBe(418);
    expect((await call('GET', `${url}/error`)).status).toBe(418);
    expect(seen).toEqual(['wrong option', 'secret']);
  });

  it('is for HTTP alone: elsewhere the error stays as it is', () => {
    const host = { getType: () => 'graphql' } as unknown as ArgumentsHost;
    const filter: ExceptionFilter = new StreamingExceptionFilter();
    const answer = filter.catch(new TaskEndedError('it is over'), host) as unknown;
    // Nothing: then Nest goes on as if there were no filter.
    expect(answer).toBeUndefined();
  });
});

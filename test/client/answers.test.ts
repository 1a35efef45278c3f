import { describe, expect, it, jest } from '@jest/globals';
import { StreamingConnectionError, StreamingRequestError } from 'nestjs-streaming/client';
import { eventually } from '../support/wait.js';
import {
  clientOf,
  completed,
  frame,
  hang,
  html,
  json,
  lose,
  noContent,
  OPEN,
  readAll,
  refusal,
  rejectionOf,
  runOf,
  type Script,
  ScriptedServer,
  snapshot,
  stream,
  typesOf,
} from './support.js';

const started = frame('epoch-1', 'started', { attempt: 1 });

describe('a stream that is refused', () => {
  it.each([
    [400, 'INVALID_TASK_ID'],
    [403, 'FORBIDDEN'],
    [404, 'TASK_NOT_FOUND'],
    [409, 'TASK_ENDED'],
    [415, 'UNSUPPORTED_MEDIA_TYPE'],
  ])('ends with the error for %i %s', async (status, code) => {
    const server = await ScriptedServer.open(refusal(status, code));
    const run = runOf(server);
    const error = await rejectionOf(readAll(run));
    expect(error).toBeInstanceOf(StreamingRequestError);
    expect(error).toMatchObject({ status, code, message: `refused by ${code}` });
    expect(run.connection).toBe('refused');
    expect(server.asked).toHaveLength(1);
  });

  it('names the URL where nothing says what is wrong', async () => {
    const server = await ScriptedServer.open(html(404));
    const run = runOf(server);
    const what = `GET ${server.url}/app/Task/one answered 404`;
    for (const asking of [readAll(run), run.outcome(), run.result()]) {
      expect(await rejectionOf(asking)).toMatchObject({ message: what, status: 404, code: undefined });
    }
  });

  it('of a base URL that is none, at once', async () => {
    const run = clientOf({ url: '/stream' }).task('app', 'Task').attach('one');
    expect(await rejectionOf(readAll(run))).toMatchObject({ name: 'TypeError' });
    expect(await rejectionOf(run.snapshot())).toMatchObject({ name: 'TypeError' });
  });

  it('of a task that is gone has that outcome', async () => {
    const server = await ScriptedServer.open(refusal(404, 'TASK_NOT_FOUND'));
    const run = runOf(server);
    expect(await run.outcome()).toEqual({ status: 'gone' });
    expect(await rejectionOf(run.result())).toMatchObject({ name: 'TaskGoneError', id: 'one' });
  });
});

describe('a stream that fails for a while', () => {
  it.each<[string, Script]>([
    ['429', refusal(429, 'TOO_MANY_TASKS')],
    ['502 with a page', html(502)],
    ['503', refusal(503, 'SHUTTING_DOWN')],
    ['a page instead of a stream', html()],
    ['JSON instead of a stream', json(200, {})],
    ['no answer', lose],
    ['an answer that does not begin', hang],
    ['a stream that ends before its task', stream('retry: 1\n: connected\n')],
    ['data that is no JSON', stream('event: n\ndata: {no\nid: epoch-9\n\n', OPEN)],
    ['silence', stream(': connected\n', OPEN)],
  ])('is opened again: %s', async (_, script) => {
    const server = await ScriptedServer.open(script, script, stream(started, completed(2)));
    const run = runOf(server, { openTimeout: 50, heartbeatTimeout: 50 });
    expect(typesOf(await readAll(run))).toEqual(['started', 'completed']);
    expect(server.asked).toHaveLength(3);
  });

  it('goes on behind the last event that was whole', async () => {
    const server = await ScriptedServer.open(
      stream(started + frame('epoch-2', 'n', 2), 'event: n\ndata: 3\nid: epoch-3\n'),
      stream(completed(3)),
    );
    expect(typesOf(await readAll(runOf(server)))).toEqual(['started', 'n', 'completed']);
    expect(server.asked.map(({ headers }) => headers['last-event-id'])).toEqual([undefined, 'epoch-2']);
  });

  it('is given up when the tries in a row are used up', async () => {
    const server = await ScriptedServer.open(stream(started), html(502));
    const run = runOf(server, { retry: { min: 1, attempts: 3 } });
    const events = run.events();
    expect(await events.next()).toMatchObject({ value: { type: 'started' } });
    const error = await rejectionOf(events.next());
    expect(error).toBeInstanceOf(StreamingConnectionError);
    expect(error).toMatchObject({ cause: { status: 502 } });
    expect(server.asked).toHaveLength(4);
    expect(await events.next()).toEqual({ done: true, value: undefined });
  });

  it('waits as long as the server asks, but for the first try after a cut', async () => {
    const cut: Script = (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(`retry: 500\n${started}`, () => setTimeout(() => response.destroy(), 20));
    };
    const server = await ScriptedServer.open(cut, html(502), stream('retry: 100\n'), stream(completed(2)));
    await readAll(runOf(server, { retry: { min: 1, max: 1 } }));
    const waits = server.asked.map(({ at }, index) => at - (server.asked[index - 1]?.at ?? at));
    expect(waits[1]).toBeLessThan(450);
    expect(waits[2]).toBeGreaterThanOrEqual(490);
    expect(waits[3]).toBeGreaterThanOrEqual(90);
  });

  it('waits for the time of a Retry-After', async () => {
    const server = await ScriptedServer.open(
      refusal(503, 'SHUTTING_DOWN', { 'retry-after': '1' }),
      stream(completed(1)),
    );
    await readAll(runOf(server));
    expect(server.asked[1]!.at - server.asked[0]!.at).toBeGreaterThanOrEqual(990);
  });

  it('says how it stands', async () => {
    const server = await ScriptedServer.open(stream(started), html(502), html(502), stream(completed(2)));
    const run = runOf(server, { retry: { min: 20 } });
    const seen: string[] = [];
    run.subscribe(() => {
      if (seen.at(-1) !== run.connection) seen.push(run.connection);
    });
    await readAll(run);
    expect(seen).toEqual(['connecting', 'live', 'reconnecting', 'live', 'ended']);
  });
});

describe('401', () => {
  const token = (): { headers: () => Promise<Record<string, string>>; count: () => number } => {
    let count = 0;
    return { headers: async () => ({ authorization: `token ${++count}` }), count: () => count };
  };

  it('has the stream opened once more, with fresh headers', async () => {
    const server = await ScriptedServer.open(
      stream(started),
      refusal(401, 'UNAUTHORIZED'),
      stream(completed(2)),
    );
    const onUnauthorized = jest.fn();
    const run = runOf(server, { headers: token().headers, onUnauthorized });
    expect(typesOf(await readAll(run))).toEqual(['started', 'completed']);
    expect(onUnauthorized).toHaveBeenCalledTimes(1);
    const sent = server.asked.map(({ headers }) => headers.authorization);
    expect(sent).toEqual(['token 1', 'token 2', 'token 3']);
  });

  it.each(['stream', 'start', 'snapshot'])('twice in a row ends a %s', async (what) => {
    const server = await ScriptedServer.open(refusal(401, 'UNAUTHORIZED'));
    const onUnauthorized = jest.fn();
    const client = clientOf(server, { headers: token().headers, onUnauthorized });
    const type = client.task('app', 'Task');
    const run = type.attach('one');
    const asking = what === 'stream' ? readAll(run) : what === 'start' ? type.start({}) : run.snapshot();
    expect(await rejectionOf(asking)).toMatchObject({ name: 'StreamingRequestError', status: 401 });
    expect(onUnauthorized).toHaveBeenCalledTimes(2);
    expect(server.asked).toHaveLength(2);
  });

  it('has a start sent once more', async () => {
    const server = await ScriptedServer.open(refusal(401, 'UNAUTHORIZED'), json(201, snapshot()));
    expect((await clientOf(server).task('app', 'Task').start({ a: 1 })).id).toBe('one');
    expect(server.asked.map(({ body }) => body)).toEqual(['{"a":1}', '{"a":1}']);
  });

  it('ends with what the application throws then as the cause', async () => {
    const server = await ScriptedServer.open(refusal(401, 'UNAUTHORIZED'));
    const cause = new RangeError('no sign-in');
    const onUnauthorized = (): never => {
      throw cause;
    };
    expect(await rejectionOf(readAll(runOf(server, { onUnauthorized })))).toMatchObject({
      status: 401,
      cause,
    });
    expect(server.asked).toHaveLength(1);
  });
});

describe('an answer that is lost', () => {
  it('of a PUT is asked for again', async () => {
    const server = await ScriptedServer.open(lose, lose, json(200, snapshot({ status: 'running' })));
    const run = await clientOf(server).task('app', 'Task').start({}, { id: 'one' });
    expect(run).toMatchObject({ id: 'one', status: 'running' });
    expect(server.asked.map(({ method }) => method)).toEqual(['PUT', 'PUT', 'PUT']);
  });

  it.each(['start', 'signal'])('of the POST of a %s is not', async (what) => {
    const server = await ScriptedServer.open(lose, json(201, snapshot()));
    const type = clientOf(server).task('app', 'Task');
    const asking = what === 'start' ? type.start({}) : type.attach('one').signal('go');
    expect(await rejectionOf(asking)).toMatchObject({ name: 'StreamingConnectionError' });
    expect(server.asked).toHaveLength(1);
  });

  it('of a cancel, a snapshot and a list is asked for again', async () => {
    const server = await ScriptedServer.open(lose, json(202, { cancelled: true, status: 'cancelling' }));
    const run = runOf(server);
    expect(await run.cancel()).toBe(true);
    expect(run.status).toBe('cancelling');
    const other = await ScriptedServer.open(lose, json(200, snapshot()));
    expect(await runOf(other).snapshot()).toMatchObject({ id: 'one' });
    const third = await ScriptedServer.open(lose, json(200, { items: [], nextCursor: null }));
    expect(await clientOf(third).list()).toEqual({ items: [], nextCursor: null });
  });

  it('is given up when the tries are used up', async () => {
    const server = await ScriptedServer.open(lose);
    const run = runOf(server, { retry: { min: 1, attempts: 2 } });
    expect(await rejectionOf(run.snapshot())).toBeInstanceOf(StreamingConnectionError);
    expect(server.asked).toHaveLength(2);
  });
});

describe('an answer that refuses', () => {
  it('is final for what is no stream', async () => {
    const server = await ScriptedServer.open(refusal(503, 'SHUTTING_DOWN', { 'retry-after': '7' }));
    const run = runOf(server);
    const client = clientOf(server);
    for (const ask of [
      () => client.task('app', 'Task').start({}, { id: 'two' }),
      () => run.snapshot(),
      () => run.cancel(),
      () => client.list(),
    ]) {
      expect(await rejectionOf(ask())).toMatchObject({
        status: 503,
        code: 'SHUTTING_DOWN',
        retryAfter: 7_000,
      });
    }
    expect(server.asked).toHaveLength(4);
  });

  it('tells what is wrong with an input', async () => {
    const issues = [{ message: 'too small', path: ['n'] }];
    const body = { statusCode: 400, message: 'Invalid input', code: 'INVALID_INPUT', issues };
    const server = await ScriptedServer.open(json(400, body));
    expect(await rejectionOf(clientOf(server).task('app', 'Task').start({}))).toMatchObject({
      message: 'Invalid input',
      code: 'INVALID_INPUT',
      issues,
    });
  });

  it('may be a page', async () => {
    const server = await ScriptedServer.open(html());
    expect(await rejectionOf(clientOf(server).task('app', 'Task').start({}))).toMatchObject({
      name: 'StreamingRequestError',
      status: 200,
    });
  });
});

describe('a start that is withdrawn', () => {
  it('is not sent', async () => {
    const server = await ScriptedServer.open(json(201, snapshot()));
    const leaving = new AbortController();
    const headers = async (): Promise<Record<string, string>> => {
      leaving.abort(new RangeError('left'));
      return {};
    };
    const start = clientOf(server, { headers }).task('app', 'Task').start({}, { signal: leaving.signal });
    expect(await rejectionOf(start)).toEqual(new RangeError('left'));
    expect(server.asked).toHaveLength(0);
  });

  it('is answered all the same when it was sent', async () => {
    const leaving = new AbortController();
    const server = await ScriptedServer.open((response, asked) => {
      leaving.abort(new RangeError('left'));
      json(201, snapshot())(response, asked);
    });
    expect((await clientOf(server).task('app', 'Task').start({}, { signal: leaving.signal })).id).toBe('one');
  });
});

describe('204', () => {
  it('ends the events, and the outcome is that of the snapshot', async () => {
    const ended = snapshot({
      status: 'cancelled',
      cancellation: { kind: 'external', detail: 'enough' },
    });
    const server = await ScriptedServer.open((response, asked) => {
      (asked.url.endsWith('/status') ? json(200, ended) : noContent)(response, asked);
    });
    const run = clientOf(server).task('app', 'Task').attach('one', { after: 'epoch-9' });
    expect(await readAll(run)).toEqual([]);
    expect(run.connection).toBe('ended');
    expect(await run.outcome()).toEqual({
      status: 'cancelled',
      reason: 'external_cancellation',
      detail: 'enough',
    });
  });

  it('is followed by the snapshot also when that is not there at once', async () => {
    const ended = snapshot({ status: 'completed', finalValue: 5 });
    const server = await ScriptedServer.open(noContent, html(502), noContent, json(200, ended));
    expect(await runOf(server).result()).toBe(5);
  });
});

it('what is heard before the first answer is nothing', async () => {
  const server = await ScriptedServer.open(hang);
  const run = runOf(server);
  expect(run.getSnapshot()).toEqual({
    status: undefined,
    progress: undefined,
    state: undefined,
    lastEventId: undefined,
    connection: 'idle',
  });
  const events = run.events();
  const next = events.next();
  expect(run.connection).toBe('connecting');
  await eventually(() => expect(server.asked).toHaveLength(1));
  await events.return?.();
  expect(await next).toMatchObject({ done: true });
});

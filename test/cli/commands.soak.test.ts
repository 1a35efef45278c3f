import { describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { AuthorizeRequest, TaskAuthorizer, TaskContext } from 'nestjs-streaming';
import { z } from 'zod';
import { createTaskApp, handlerTask, type TaskApp } from '../support/app.js';
import { freePort } from '../support/programs/free-port.js';
import { Cli } from './support.js';

const steps = handlerTask(
  async (task: TaskContext<{ steps: number }>) => {
    for (let step = 1; step <= task.input.steps; step++)
      await task.progress({ percent: step, message: `step ${step}` });
    return { steps: task.input.steps };
  },
  { name: 'steps', input: z.object({ steps: z.int().max(100) }) },
);
const failing = handlerTask(() => Promise.reject(new RangeError('Broken')), { name: 'failing' });
const slow = handlerTask((task) => task.sleep(60_000), { name: 'slow', timeout: 20 });
const waiting = handlerTask(
  async (task) => {
    await task.sendEvent('ready');
    return task.waitForSignal('go');
  },
  { name: 'waiting', timeout: null },
);

function serve(): Promise<TaskApp> {
  return createTaskApp({
    tasks: [steps, failing, slow, waiting],
    options: { http: { start: true, list: true } },
    forceCloseConnections: true,
  });
}

describe('start', () => {
  it('prints each event as a line of JSON, and exits as the task has ended', async () => {
    const app = await serve();
    const cli = new Cli(['start', 'test', 'steps', '{"steps":3}'], app);
    expect(await cli.exit()).toBe(0);
    const [task, ...events] = cli.lines;
    expect(task).toEqual({ app: 'test', name: 'steps', id: expect.any(String) });
    expect(events.map(({ type, data }) => [type, data])).toEqual([
      ['started', { attempt: 1 }],
      ...[1, 2, 3].map((n) => ['progress', { percent: n, message: `step ${n}` }]),
      ['completed', { finalValue: { steps: 3 } }],
    ]);
    expect(cli.stderr).toBe('');
  });

  it('takes its input from the standard input', async () => {
    const cli = new Cli(['start', 'test', 'steps', '-', '--json'], {
      ...(await serve()),
      input: '{"steps":1}',
    });
    expect(await cli.exit()).toBe(0);
    expect(cli.lines.at(-1)).toMatchObject({ data: { finalValue: { steps: 1 } } });
  });

  it('with an id starts a task once; with --detach it does not watch', async () => {
    const app = await serve();
    const ids: unknown[] = [];
    for (const _ of [1, 2]) {
      const cli = new Cli(['start', 'test', 'waiting', '--id', 'mine', '--detach'], app);
      expect(await cli.exit()).toBe(0);
      ids.push(...cli.lines.map(({ id }) => id));
    }
    expect(ids).toEqual(['mine', 'mine']);
    expect((await app.coordinator.list()).items).toHaveLength(1);
  });

  it.each([
    [['failing'], 1, { type: 'failed', data: { message: 'Internal error', errorType: 'Error' } }],
    [['slow'], 4, { type: 'timeout' }],
  ] as const)('%j ends with exit code %i', async (args, code, last) => {
    const cli = new Cli(['start', 'test', ...args], await serve());
    expect(await cli.exit()).toBe(code);
    expect(cli.lines.at(-1)).toMatchObject(last);
  });
});

describe('a task that runs', () => {
  it('is watched from an event on, gets signals, shows how it stands, and is listed', async () => {
    const app = await serve();
    const { id } = await app.coordinator.start(waiting, undefined, { id: 'one' });
    const watching = new Cli(['watch', 'test', 'waiting', id], app);
    await watching.prints('"ready"');
    const after = String(watching.lines[0]?.['id']);

    const status = new Cli(['status', 'test', 'waiting', id], app);
    expect(await status.exit()).toBe(0);
    expect(status.lines).toMatchObject([{ id: 'one', status: 'running' }]);
    const list = new Cli(['list', '--status', 'running', '--name', 'waiting'], app);
    expect(await list.exit()).toBe(0);
    expect(list.lines).toMatchObject([{ id: 'one', status: 'running' }]);

    const signal = new Cli(['signal', 'test', 'waiting', id, 'go', '{"on":true}'], app);
    expect(await signal.exit()).toBe(0);
    expect(signal.lines).toEqual([{ app: 'test', name: 'waiting', id, accepted: true }]);
    expect(await watching.exit()).toBe(0);
    expect(watching.lines.map(({ type }) => type)).toEqual(['started', 'ready', 'completed']);

    const late = new Cli(['signal', 'test', 'waiting', id, 'go'], app);
    expect(await late.exit()).toBe(1);
    expect(late.lines).toEqual([{ app: 'test', name: 'waiting', id, accepted: false, status: 'completed' }]);
    const again = new Cli(['watch', 'test', 'waiting', id, '--after', after], app);
    expect(await again.exit()).toBe(0);
    expect(again.lines.map(({ type }) => type)).toEqual(['ready', 'completed']);
  });

  it('is cancelled; of one that was over the status is told', async () => {
    const app = await serve();
    const run = await app.coordinator.start(waiting, undefined);
    const watching = new Cli(['watch', 'test', 'waiting', run.id], app);
    await watching.prints('"ready"');
    const cancel = new Cli(['cancel', 'test', 'waiting', run.id, '--detail', 'enough'], app);
    expect(await cancel.exit()).toBe(0);
    expect(cancel.lines).toEqual([{ app: 'test', name: 'waiting', id: run.id, accepted: true }]);
    expect(await watching.exit()).toBe(3);
    expect(watching.lines.at(-1)).toMatchObject({
      type: 'cancelled',
      data: { reason: 'external_cancellation', detail: 'enough' },
    });
    const late = new Cli(['cancel', 'test', 'waiting', run.id], app);
    expect(await late.exit()).toBe(3);
    expect(late.lines).toMatchObject([{ accepted: false, status: 'cancelled' }]);
  });

  it('is waited for by a cancel, if that is wanted', async () => {
    const app = await serve();
    const { id } = await app.coordinator.start(waiting, undefined);
    const cli = new Cli(['cancel', 'test', 'waiting', id, '--wait', '10000'], app);
    expect(await cli.exit()).toBe(3);
    expect(cli.lines).toEqual([{ app: 'test', name: 'waiting', id, accepted: true, status: 'cancelled' }]);
  });

  it('goes on when somebody stops watching', async () => {
    const app = await serve();
    const run = await app.coordinator.start(waiting, undefined);
    const cli = new Cli(['watch', 'test', 'waiting', run.id], app);
    await cli.prints('"ready"');
    cli.child.kill('SIGINT');
    expect(await cli.exit()).toBe(130);
    expect((await run.snapshot()).status).toBe('running');
  });
});

describe('list', () => {
  it('goes over as many pages as it takes, up to its limit', async () => {
    const app = await serve();
    const start = async (n: number): Promise<unknown> =>
      app.coordinator.start(failing, undefined, { id: `t${n}` });
    for (let n = 0; n < 7; n++) await start(n);
    const cli = new Cli(['list', '--limit', '3'], app);
    expect(await cli.exit()).toBe(0);
    expect(cli.lines.map(({ id }) => id)).toEqual(['t6', 't5', 't4']);
  });

  it('finds the tasks of an owner where an authorizer shows owners', async () => {
    class Open implements TaskAuthorizer {
      authorize(): boolean {
        return true;
      }
    }
    const app = await createTaskApp({
      tasks: [waiting],
      options: { http: { list: true }, authorize: Open },
      forceCloseConnections: true,
    });
    for (const owner of ['ann', 'bob']) await app.coordinator.start(waiting, undefined, { id: owner, owner });
    const cli = new Cli(['list', '--owner', 'ann'], app);
    expect(await cli.exit()).toBe(0);
    expect(cli.lines).toMatchObject([{ id: 'ann', owner: 'ann' }]);
  });
});

describe('what cannot be done', () => {
  it.each([
    [[], 2, 'Usage:'],
    [['start', 'test'], 2, "missing required argument 'name'"],
    [['start', 'test', 'steps', '{'], 2, 'The input is no JSON'],
    [['dance'], 2, "unknown command 'dance'"],
    [['list', '--limit', 'all'], 2, '--limit is "all"'],
    [['list', '--status', 'odd'], 2, "'--status <status>' argument 'odd' is invalid"],
    [['watch', 'a', 'b', 'c', '--after', '1', '--from', 'latest'], 2, 'not both'],
    [['list', '--header', 'no colon'], 2, 'expected "Name: value"'],
    [['list', '--url', 'localhost:3000'], 2, '--url is "localhost:3000"'],
    [['list', '--url', 'http://ann:secret@localhost:3000/stream'], 2, '--header "Authorization'],
    [['list', '--header', 'Authorization secret'], 2, '--header number 1 is no header'],
    [['status', 'test', 'steps', 'unknown'], 6, 'unknown'],
    [['cancel', 'test', 'steps', 'unknown'], 6, 'unknown'],
    [['start', 'test', 'nothing'], 5, 'nothing'],
    [['start', 'test', 'steps', '{"steps":1.5}'], 5, 'steps: '],
  ] as const)('%j exits with %i', async (args, code, text) => {
    const cli = new Cli(args, await serve());
    expect(await cli.exit()).toBe(code);
    expect(cli.stderr).toContain(text);
    expect(cli.stderr).not.toContain('secret');
    expect(cli.stdout).toBe('');
  });

  it('a task that is gone is told of in the output, too', async () => {
    const cli = new Cli(['watch', 'test', 'steps', 'unknown'], await serve());
    expect(await cli.exit()).toBe(6);
    expect(cli.lines).toEqual([{ app: 'test', name: 'steps', id: 'unknown', status: 'gone' }]);
  });

  it('a token that is none is not shown', async () => {
    const cli = new Cli(['list'], { ...(await serve()), env: { STREAMING_TOKEN: 'se\ncret' } });
    expect(await cli.exit()).toBe(2);
    expect(cli.stderr).toMatch(/^STREAMING_TOKEN cannot be sent/);
    expect(cli.stderr).not.toContain('cret');
  });

  it('without an address it says how to give one', async () => {
    const cli = new Cli(['list']);
    expect(await cli.exit()).toBe(2);
    expect(cli.stderr).toContain('STREAMING_URL');
  });

  it('sends its headers and the token, and is refused where these do not do', async () => {
    const asked: unknown[] = [];
    class Closed implements TaskAuthorizer<{ readonly headers: unknown }> {
      authorize({ request }: AuthorizeRequest<{ readonly headers: unknown }>): boolean {
        asked.push(request.headers);
        return false;
      }
    }
    const app = await createTaskApp({
      tasks: [waiting],
      options: { authorize: Closed },
      forceCloseConnections: true,
    });
    await app.coordinator.start(waiting, undefined, { id: 'one' });
    const headers = ['--header', 'x-tenant: acme', '--header', 'x-more: 1'];
    const cli = new Cli(['watch', 'test', 'waiting', 'one', ...headers], {
      url: app.url,
      env: { STREAMING_TOKEN: 'secret' },
    });
    expect(await cli.exit()).toBe(5);
    expect(asked[0]).toMatchObject({ authorization: 'Bearer secret', 'x-tenant': 'acme', 'x-more': '1' });
  });

  it('gives up a server that does not answer, and one that only its proxy answers for', async () => {
    const port = await freePort();
    const away = new Cli(['list', '--url', `http://127.0.0.1:${port}/stream`]);
    const proxy = createServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/html' }).end('<p>Sorry</p>');
    });
    await once(proxy.listen(0, '127.0.0.1'), 'listening');
    const { port: proxyPort } = proxy.address() as AddressInfo;
    const behind = new Cli(['watch', 'a', 'b', 'c', '--url', `http://127.0.0.1:${proxyPort}/stream`]);
    try {
      expect(await Promise.all([away.exit(), behind.exit()])).toEqual([5, 5]);
    } finally {
      proxy.closeAllConnections();
      proxy.close();
    }
    expect(away.stderr).toContain(
      `http://127.0.0.1:${port}/stream has not answered for 10 s: connect ECONNREFUSED`,
    );
    expect(behind.stderr).toContain('it answered 200 with text/html');
  }, 30_000);
});

it('help and version are no errors', async () => {
  for (const flag of ['--help', '--version', 'help']) expect(await new Cli([flag]).exit()).toBe(0);
});

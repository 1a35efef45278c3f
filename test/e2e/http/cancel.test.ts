import { describe, expect, it } from '@jest/globals';
import { call, expectError } from '../../support/clients/http-client.js';
import { eventually } from '../../support/wait.js';
import { adapters, epochOf, PuppetTask, type TaskAppOptions, watch } from '../../support/watching.js';
import { servePuppet, snapshotKeys } from './support.js';

describe.each(adapters)('DELETE /stream/:app/:name/:id (%s)', (adapter) => {
  const serve = (options: TaskAppOptions = {}, task?: PuppetTask) =>
    servePuppet({ adapter, ...options }, task);

  it('is 202 "cancelling" for a running task', async () => {
    const [task, app] = await serve({}, new PuppetTask({ stubborn: true }));
    const puppet = await task.start(app);
    const answer = await call('DELETE', puppet.url);
    expect(answer.status).toBe(202);
    expect(answer.text).toBe('{"cancelled":true,"status":"cancelling"}');
    expect(puppet.context.signal.aborted).toBe(true);
    await puppet.end();
  });

  it('is 202 "cancelled" for one that had not begun', async () => {
    const [task, app] = await serve({}, new PuppetTask({ concurrency: 1 }));
    await task.start(app);
    const { puppet } = await task.begin(app);
    expect(await call('DELETE', puppet.url)).toMatchObject({
      status: 202,
      text: '{"cancelled":true,"status":"cancelled"}',
    });
  });

  it('is 409 when it is over, and changes nothing', async () => {
    const [task, app] = await serve();
    const puppet = await task.start(app);
    await puppet.end('done');
    const before = await call('GET', `${puppet.url}/status`);
    const answer = await call('DELETE', puppet.url);
    expectError(answer, 409, 'TASK_ENDED');
    expect(answer.body).toMatchObject({ message: `The task test/${task.name}/${puppet.id} is over` });
    expect((await call('GET', `${puppet.url}/status`)).body).toEqual(before.body);
  });

  it('tells watchers the detail, cut at 500 characters', async () => {
    const [task, app] = await serve();
    const puppet = await task.start(app);
    const stream = await watch(puppet.url);
    await call('DELETE', `${puppet.url}?detail=${'d'.repeat(600)}`);
    expect((await stream.next('cancelled')).data).toEqual({
      message: 'Task was cancelled',
      reason: 'external_cancellation',
      detail: 'd'.repeat(500),
    });
  });

  it('with wait is 200 and the snapshot when it ended in that time', async () => {
    const [task, app] = await serve();
    const puppet = await task.start(app);
    const answer = await call('DELETE', `${puppet.url}?wait=5000`);
    expect(answer).toMatchObject({ status: 200, body: { id: puppet.id, status: 'cancelled' } });
    expect(Object.keys(answer.body as object).toSorted()).toEqual(snapshotKeys);
  });

  it('with wait is 202 when it did not, and 200 with whatever it ended as', async () => {
    const [task, app] = await serve({}, new PuppetTask({ stubborn: true, swallowedCancel: 'completed' }));
    const puppet = await task.start(app, { grace: 60_000 });
    expect(await call('DELETE', `${puppet.url}?wait=20`)).toMatchObject({
      status: 202,
      body: { cancelled: true, status: 'cancelling' },
    });
    expect((await call('DELETE', `${puppet.url}?wait=0`)).status).toBe(202);
    const waiting = call('DELETE', `${puppet.url}?wait=5000&detail=third`);
    // Accepted when the handler can see it: three of them stand.
    await eventually(() => expect(puppet.context.cancelling).toBe(3));
    await puppet.end('kept');
    expect(await waiting).toMatchObject({ status: 200, body: { status: 'completed', finalValue: 'kept' } });
  });

  it.each(['abc', '-1', '30001', '1.5', '', '1e3', '0x10', '1&wait=2', 'NaN'])(
    'wait=%s is 400 and cancels nothing',
    async (wait) => {
      const [task, app] = await serve();
      const puppet = await task.start(app);
      expectError(await call('DELETE', `${puppet.url}?wait=${wait}`), 400, 'INVALID_QUERY');
      expect(puppet.context.cancelled).toBe(false);
    },
  );

  it('with If-Match only cancels the run that is meant', async () => {
    const [task, app] = await serve();
    const first = await task.start(app, { id: 'again' });
    const old = epochOf({ id: (await first.handle.snapshot()).lastEventId ?? '' });
    await first.end();
    const second = await task.start(app, { id: 'again', restart: true });
    const now = epochOf({ id: (await second.handle.snapshot()).lastEventId ?? '' });
    for (const tag of [old, `"${old}"`, 'nonsense', '""']) {
      const answer = await call('DELETE', second.url, { headers: { 'if-match': tag } });
      expectError(answer, 409, 'TASK_ENDED');
      expect((answer.body as { message: string }).message).toContain('If-Match');
    }
    expect(second.context.cancelled).toBe(false);
    expect((await call('DELETE', second.url, { headers: { 'if-match': now } })).status).toBe(202);
  });

  it.each(['"EPOCH"', '*', '"other", "EPOCH"'])('takes If-Match: %s', async (pattern) => {
    const [task, app] = await serve();
    const puppet = await task.start(app);
    const epoch = epochOf({ id: (await puppet.handle.snapshot()).lastEventId ?? '' });
    const headers = { 'if-match': pattern.replace('EPOCH', epoch) };
    expect((await call('DELETE', puppet.url, { headers })).status).toBe(202);
  });
});

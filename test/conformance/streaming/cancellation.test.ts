import { describe, expect, it } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import { sides } from '../../support/app/sides.js';
import { inOneProcess, itInProcess } from '../../support/app/store.js';
import { call } from '../../support/clients/http-client.js';
import { StoppedClock } from '../../support/stopped-clock.js';
import {
  createTaskApp,
  expectWatchers,
  PuppetTask,
  quiet,
  resumeAfter,
  watch,
  watchRaw,
} from '../../support/watching.js';

const accepted = { cancelled: true, status: 'cancelling' };

describe.each(sides)('cancellation and streams ($name)', (side) => {
  it('S42 all watchers closing does not cancel the task', async () => {
    const task = new PuppetTask();
    const app = await createTaskApp({ ...side, tasks: [task.type] });
    const puppet = await task.start(app);
    const streams = await Promise.all([watch(puppet.url), watch(puppet.url)]);
    const raw = await watchRaw(puppet.url);
    await raw.until('started');
    expect(await puppet.handle.snapshot()).toMatchObject({ watchers: 3 });
    await Promise.all([...streams.map((stream) => stream.close()), raw.close('reset')]);
    await expectWatchers(puppet, 0);
    await delay(quiet);
    expect(puppet.context.cancelled).toBe(false);
    await puppet.end('still here');
    const late = await watch(puppet.url);
    expect(await late.next('completed')).toMatchObject({ data: { finalValue: 'still here' } });
  });

  it('S42 cancelWhenUnwatched does, after its time', async () => {
    using clock = new StoppedClock();
    const task = new PuppetTask({ cancelWhenUnwatched: 150 });
    const app = await createTaskApp({ ...side, tasks: [task.type] });
    const puppet = await task.start(app);
    const stream = await watch(puppet.url);
    await stream.next('started');
    await clock.advance(200);
    expect(puppet.context.cancelled).toBe(false);
    await stream.close();
    await expectWatchers(puppet, 0);
    await clock.advance(149);
    expect(puppet.context.cancelled).toBe(false);
    await clock.advance(1);
    expect(await puppet.handle.outcome).toMatchObject({ status: 'cancelled', reason: { kind: 'unwatched' } });
    const late = await watch(puppet.url);
    expect((await late.next('cancelled')).data).toEqual({
      message: 'Task was cancelled',
      reason: 'unwatched',
    });
  });

  it('S42 it counts from the start of the run when nobody ever watched', async () => {
    const task = new PuppetTask({ cancelWhenUnwatched: 50 });
    const app = await createTaskApp({ ...side, tasks: [task.type] });
    const puppet = await task.start(app);
    expect(await puppet.handle.outcome).toMatchObject({ status: 'cancelled', reason: { kind: 'unwatched' } });
  });

  it('S42 a watcher that comes back in time stops that clock', async () => {
    using clock = new StoppedClock();
    const task = new PuppetTask({ cancelWhenUnwatched: 300 });
    const app = await createTaskApp({ ...side, tasks: [task.type] });
    const puppet = await task.start(app);
    const first = await watch(puppet.url);
    const { id = '' } = await first.next('started');
    await first.close();
    await expectWatchers(puppet, 0);
    await clock.advance(299);
    const back = await resumeAfter(puppet.url, id);
    await expectWatchers(puppet, 1);
    await clock.advance(400);
    expect(puppet.context.cancelled).toBe(false);
    await puppet.end();
    await back.ended;
  });

  it('S42 a HEAD, a refused stream and an answer of 204 are no watchers', async () => {
    const task = new PuppetTask({ cancelWhenUnwatched: 100 });
    const app = await createTaskApp({ ...side, tasks: [task.type] });
    const puppet = await task.start(app);
    const before = performance.now();
    while (performance.now() - before < 60) await call('HEAD', puppet.url);
    expect(await puppet.handle.outcome).toMatchObject({ reason: { kind: 'unwatched' } });
  });

  it('S43 a cancel may be repeated until the task is over; then it is 409 and false', async () => {
    const task = new PuppetTask({ stubborn: true });
    const app = await createTaskApp({ ...side, tasks: [task.type] });
    const puppet = await task.start(app, { grace: 60_000 });
    const { ref } = puppet.handle;
    for (let n = 0; n < 3; n++) {
      expect(await call('DELETE', puppet.url)).toMatchObject({ status: 202, body: accepted });
      expect(await app.coordinator.cancelTask(ref)).toBe(true);
    }
    expect(await app.coordinator.cancelTask(ref, { detail: 'too late to matter' })).toBe(true);
    await puppet.end('ignored');
    const outcome = await puppet.handle.outcome;
    expect(outcome).toMatchObject({ status: 'cancelled', swallowed: true, reason: { kind: 'external' } });
    expect(outcome.reason).not.toHaveProperty('detail');
    for (let n = 0; n < 2; n++) {
      const late = await call('DELETE', puppet.url);
      expect(late).toMatchObject({ status: 409, body: { statusCode: 409, code: 'TASK_ENDED' } });
      expect(await app.coordinator.cancelTask(ref)).toBe(false);
    }
    expect(await puppet.handle.outcome).toBe(outcome);
    const stream = await watch(puppet.url);
    await stream.ended;
    expect(stream.events.map(({ type }) => type)).toEqual(['started', 'cancelled']);
  });

  it('S43 while an outcome is decided and not yet announced, a cancel is 409', async () => {
    const task = new PuppetTask();
    const app = await createTaskApp({ ...side, tasks: [task.type] });
    const puppet = await task.start(app);
    let release = (): void => undefined;
    const entered = new Promise<void>((resolve) => {
      puppet.context.defer(() => {
        resolve();
        return new Promise<void>((done) => {
          release = done;
        });
      });
    });
    const ended = puppet.end('value');
    await entered;
    expect(await call('GET', `${puppet.url}/status`)).toMatchObject({ body: { status: 'running' } });
    expect(await call('DELETE', puppet.url)).toMatchObject({ status: 409, body: { code: 'TASK_ENDED' } });
    expect(await puppet.handle.cancel()).toBe(false);
    release();
    await ended;
    expect(await puppet.handle.outcome).toMatchObject({ status: 'completed', value: 'value' });
  });

  it('S45 the handle of an ended run never cancels the run that restart began', async () => {
    const task = new PuppetTask();
    const app = await createTaskApp({ ...side, tasks: [task.type] });
    const first = await task.start(app, { id: 'again' });
    const aborter = new AbortController();
    await first.end('first');
    const second = await task.start(app, { id: 'again', restart: true, signal: aborter.signal });
    expect(await first.handle.cancel()).toBe(false);
    expect(await first.handle.cancel({ wait: 'settled' })).toBe(false);
    expect(second.context.cancelled).toBe(false);
    expect(await first.handle.outcome).toMatchObject({ status: 'completed', value: 'first' });
    expect(await first.handle.snapshot()).toMatchObject({ status: 'completed' });
    expect(second.handle.status).toBe('running');
    await second.end('second');
    expect(await second.handle.outcome).toMatchObject({ value: 'second' });
  });

  it('S45 the signal an ended run was started with does not cancel its successor', async () => {
    const task = new PuppetTask();
    const app = await createTaskApp({ ...side, tasks: [task.type] });
    const aborter = new AbortController();
    const first = await task.start(app, { id: 'again', signal: aborter.signal });
    await first.end();
    const second = await task.start(app, { id: 'again', restart: true });
    aborter.abort();
    expect(second.context.cancelled).toBe(false);
    await second.end();
  });

  it('S46 every watcher attached at the cancel sees it with its reason, one that was offline on resume', async () => {
    const task = new PuppetTask();
    const app = await createTaskApp({ ...side, tasks: [task.type] });
    const puppet = await task.start(app);
    const [one, two, offline] = await Promise.all([watch(puppet.url), watch(puppet.url), watch(puppet.url)]);
    const { id = '' } = await offline.next('started');
    await offline.close();
    const wanted = { message: 'Task was cancelled', reason: 'external_cancellation', detail: 'enough' };
    expect(await call('DELETE', `${puppet.url}?detail=enough`)).toMatchObject({ status: 202 });
    for (const stream of [one, two]) {
      expect((await stream.next('cancelled')).data).toEqual(wanted);
      expect(await stream.ended).toBe('complete');
    }
    const back = await resumeAfter(puppet.url, id);
    expect(await back.next()).toMatchObject({ type: 'cancelled', data: wanted });
    expect(await back.ended).toBe('complete');
  });

  it('S48 cancelled before its handler began: the answer says so, and the log holds that event alone', async () => {
    const task = new PuppetTask({ concurrency: 1 });
    const app = await createTaskApp({ ...side, tasks: [task.type] });
    const running = await task.start(app);
    const { puppet: waiting } = await task.begin(app);
    const stream = await watch(waiting.url);
    expect(waiting.handle.status).toBe('pending');
    const answer = await call('DELETE', `${waiting.url}?detail=never%20mind`);
    expect(answer).toMatchObject({ status: 202, body: { cancelled: true, status: 'cancelled' } });
    expect(await stream.ended).toBe('complete');
    expect(stream.events).toMatchObject([
      { type: 'cancelled', data: { reason: 'external_cancellation', detail: 'never mind' } },
    ]);
    expect(stream.events[0]?.id).toMatch(/-1$/);
    expect(task.calls).toBe(1);
    await running.end();
    expect(task.calls).toBe(1);
  });

  itInProcess(
    'S48 a cancel in the turn of the start keeps the handler from ever running',
    inOneProcess.cancelAtStart,
    async () => {
      const task = new PuppetTask();
      const app = await createTaskApp({ ...side, tasks: [task.type] });
      const { puppet } = await task.begin(app);
      expect(await puppet.handle.cancel()).toBe(true);
      expect(await puppet.handle.outcome).toMatchObject({ status: 'cancelled', started: false });
      const stream = await watch(puppet.url);
      await stream.ended;
      expect(stream.events.map(({ type }) => type)).toEqual(['cancelled']);
      await delay(quiet);
      expect(task.calls).toBe(0);
    },
  );
});

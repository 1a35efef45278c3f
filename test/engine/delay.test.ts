import { describe, expect, it } from '@jest/globals';
import { AsyncLocalStorage } from 'node:async_hooks';
import {
  InvalidOptionsError,
  type StartOptions,
  type TaskContext,
  TooManyTasksError,
} from 'nestjs-streaming';
import { settle } from '../../lib/testing/test-clock.js';
import { collect, createTaskApp, handlerTask } from '../support/app.js';
import { StoppedClock } from '../support/stopped-clock.js';

const month = 30 * 24 * 3_600_000;
const Quick = handlerTask((task: TaskContext) => task.id, { name: 'Quick' });
const Long = handlerTask((task: TaskContext) => task.sleep(60_000), { name: 'Long', concurrency: 1 });
const Bounded = handlerTask((task: TaskContext) => task.sleep(60_000), {
  name: 'Bounded',
  concurrency: 1,
  maxPending: 2,
  pendingTimeout: 500,
});
const Never = handlerTask(() => 0, { name: 'Never', maxPending: 0 });

const app = (listen = false) => createTaskApp({ tasks: [Quick, Long, Bounded, Never], listen });

describe('a task that is started with a delay', () => {
  it.each([1_000, 0.5, month])('is pending for %d ms, and then runs', async (delay) => {
    using clock = new StoppedClock();
    const { coordinator } = await app();
    const handle = await coordinator.start(Quick, {}, { id: 'later', delay });
    await settle();
    expect(await handle.snapshot()).toMatchObject({ status: 'pending', startedAt: null, lastEventId: null });
    await clock.advance(delay - 0.1);
    expect(handle.status).toBe('pending');
    await clock.advance(0.1);
    await expect(handle.result).resolves.toBe('later');
    const { createdAt, startedAt } = await handle.snapshot();
    expect(Date.parse(startedAt!) - Date.parse(createdAt)).toBe(Math.floor(delay));
  });

  it('is there from the beginning: a second start finds it, a list has it', async () => {
    using clock = new StoppedClock();
    const { coordinator } = await app();
    await coordinator.start(Quick, {}, { id: 'one', delay: 1_000 });
    const second = await coordinator.start(Quick, {}, { id: 'one', restart: true });
    expect([second.created, second.status]).toEqual([false, 'pending']);
    expect((await coordinator.list({ status: 'pending' })).items).toMatchObject([{ id: 'one' }]);
    await clock.until(second.result);
  });

  it('has no place meanwhile, and waits for one when its time has come', async () => {
    using clock = new StoppedClock();
    const { coordinator } = await app();
    const delayed = await coordinator.start(Long, {}, { delay: 1_000 });
    const running = await coordinator.start(Long, {});
    await settle();
    expect([delayed.status, running.status]).toEqual(['pending', 'running']);
    const next = await coordinator.start(Long, {});
    await clock.advance(59_000);
    expect([delayed.status, next.status]).toEqual(['pending', 'pending']);
    await clock.advance(1_000);
    // The other one came to wait before its time.
    expect([running.status, next.status, delayed.status]).toEqual(['completed', 'running', 'pending']);
    await clock.advance(60_000);
    expect(delayed.status).toBe('running');
  });

  it('counts its timeout from its beginning, and its pendingTimeout from the end of the delay', async () => {
    using clock = new StoppedClock();
    const { coordinator } = await app();
    const timed = await coordinator.start(Long, {}, { delay: 1_000, timeout: 100 });
    await clock.advance(1_099);
    expect(timed.status).toBe('running');
    await clock.advance(1);
    expect(timed.status).toBe('timeout');
    await coordinator.start(Bounded, {});
    const waiting = await coordinator.start(Bounded, {}, { delay: 1_000 });
    await clock.advance(1_499);
    expect(waiting.status).toBe('pending');
    await clock.advance(1);
    expect(await waiting.outcome).toMatchObject({
      status: 'timeout',
      reason: { of: 'pending', timeout: 500 },
    });
  });

  it.each<[string, (how: { cancel(): unknown; abort(): void; shutdown(): unknown }) => unknown, string]>([
    ['a cancel', ({ cancel }) => cancel(), 'external'],
    ['the signal given to start()', ({ abort }) => abort(), 'external'],
    ['a shutdown', ({ shutdown }) => shutdown(), 'shutdown'],
  ])('%s ends it at once, and leaves no timer', async (_what, end, kind) => {
    using clock = new StoppedClock();
    const { coordinator } = await app();
    const controller = new AbortController();
    const handle = await coordinator.start(Quick, {}, { delay: month, signal: controller.signal });
    const before = clock.pending.length;
    void end({
      cancel: () => handle.cancel(),
      abort: () => controller.abort(),
      shutdown: () => coordinator.shutdown(),
    });
    const outcome = await handle.outcome;
    expect(outcome).toMatchObject({ status: 'cancelled', started: false, reason: { kind } });
    // What stands in its place is the retention.
    expect(clock.pending.length).toBeLessThanOrEqual(before);
    await clock.advance(2 * month);
    expect((await collect(handle.events()).done).map(({ type }) => type)).toEqual(['cancelled']);
  });

  it('a shutdown waits for nothing, and counts it as cancelled', async () => {
    using clock = new StoppedClock();
    const { coordinator } = await app();
    await coordinator.start(Quick, {}, { delay: month });
    await coordinator.start(Long, {}, { delay: month });
    const report = await coordinator.shutdown({ drain: 5_000, cancelPending: true });
    expect(report).toEqual({
      completed: 0,
      cancelled: 2,
      failed: 0,
      timedOut: 0,
      abandoned: [],
      handedOver: [],
      durationMs: 0,
    });
    expect(clock.now()).toBe(0);
  });

  it('counts for maxPending, as those that wait for a place do', async () => {
    using clock = new StoppedClock();
    const { coordinator } = await app();
    const start = (options?: StartOptions) => coordinator.start(Bounded, {}, options);
    const first = await start({ delay: 1_000 });
    await start({ delay: 2_000 });
    await expect(start({ delay: 1 })).rejects.toBeInstanceOf(TooManyTasksError);
    // It need not wait.
    const running = await start();
    await expect(start()).rejects.toBeInstanceOf(TooManyTasksError);
    await first.cancel();
    await start({ delay: 1_000 });
    await expect(start()).rejects.toBeInstanceOf(TooManyTasksError);
    expect(running.status).toBe('pending');
    await settle();
    expect(running.status).toBe('running');
    await clock.advance(3_000);
  });

  it('is refused where none may wait, and nothing is kept', async () => {
    const { coordinator } = await app();
    await expect(coordinator.start(Never, {}, { delay: 1 })).rejects.toBeInstanceOf(TooManyTasksError);
    expect((await coordinator.list()).items).toEqual([]);
    await expect((await coordinator.start(Never, {}, { delay: 0 })).result).resolves.toBe(0);
  });

  it('runs in the async context of its start()', async () => {
    using clock = new StoppedClock();
    const storage = new AsyncLocalStorage<string>();
    const Named = handlerTask(() => storage.getStore() ?? 'nobody', { concurrency: 1 });
    const { coordinator } = await createTaskApp({ tasks: [Named], listen: false });
    const start = (delay: number) => coordinator.start(Named, {}, { delay });
    const [ann, bob] = await Promise.all([storage.run('ann', start, 10), storage.run('bob', start, 10)]);
    const nobody = await start(10);
    await clock.advance(10);
    expect(await Promise.all([ann, bob, nobody].map(({ result }) => result))).toEqual([
      'ann',
      'bob',
      'nobody',
    ]);
  });

  it('over HTTP is a pending task that can be watched and cancelled', async () => {
    const { coordinator, url } = await app(true);
    await coordinator.start(Quick, {}, { id: 'later', delay: 60_000 });
    const path = `${url}/test/Quick/later`;
    expect(await (await fetch(`${path}/status`)).json()).toMatchObject({
      status: 'pending',
      startedAt: null,
    });
    const stream = await fetch(path);
    expect(await (await fetch(path, { method: 'DELETE' })).json()).toEqual({
      cancelled: true,
      status: 'cancelled',
    });
    const text = await stream.text();
    expect(text.match(/^event: .*$/gm)).toEqual(['event: cancelled']);
  });

  it.each([-1, NaN, Infinity, 31_536_000_001, '10', null])('cannot have a delay of %p', async (delay) => {
    const { coordinator } = await app();
    const start = coordinator.start(Quick, {}, { delay: delay as never });
    await expect(start).rejects.toThrow(
      'Wrong option "delay" in start(): expected a number of milliseconds from 0 to 31536000000 (one year), got ',
    );
    await expect(start).rejects.toBeInstanceOf(InvalidOptionsError);
  });
});

import { afterEach, expect, it, jest } from '@jest/globals';
import { listEnds } from '../../lib/bullmq/redis/scripts/index-scripts.js';
import { type Clock, clock, type TimerHandle, useClock } from '../../lib/cancellation/time/clock.js';
import { TaskEngine } from '../../lib/engine/task-engine.js';
import type { TaskContext } from 'nestjs-streaming';
import { collect, handlerTask } from '../support/app.js';
import { describeWithRedis } from '../support/programs/redis.js';
import { deferred, eventually } from '../support/wait.js';
import { Instances } from './support/instances.js';

/** The real one, which knows the timers that wait for as long as this, in milliseconds. */
class WatchedClock implements Clock, Disposable {
  readonly #clock = clock();
  readonly #restore: () => void;
  readonly #waiting = new Set<TimerHandle>();

  constructor(readonly least: number) {
    this.#restore = useClock(this);
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  now(): number {
    return this.#clock.now();
  }

  epoch(): number {
    return this.#clock.epoch();
  }

  setTimeout(callback: () => void, ms: number): TimerHandle {
    const handle = this.#clock.setTimeout(callback, ms);
    if (ms >= this.least) this.#waiting.add(handle);
    return handle;
  }

  clearTimeout(handle: TimerHandle): void {
    this.#waiting.delete(handle);
    this.#clock.clearTimeout(handle);
  }

  [Symbol.dispose](): void {
    this.#restore();
  }
}

describeWithRedis('what is over', [], (server) => {
  afterEach(() => {
    jest.restoreAllMocks();
  });

  it('has no timer left: of a task that has begun, was cancelled, or whose instance has closed', async () => {
    using watched = new WatchedClock(55_000);
    const type = handlerTask((task: TaskContext) => task.waitForSignal('go'), {
      pendingTimeout: 59_000,
      concurrency: 1,
    });
    const instances = new Instances(server, [type]);
    const app = await instances.start();
    const first = await app.coordinator.start(type, {});
    await collect(first.events()).until('started');
    expect(watched.waiting).toBe(0);
    const second = await app.coordinator.start(type, {});
    expect(watched.waiting).toBe(1);
    await second.cancel();
    expect(watched.waiting).toBe(0);
    await app.coordinator.start(type, {});
    expect(watched.waiting).toBe(1);
    await app.close();
    expect(watched.waiting).toBe(0);
  });

  it('is not looked at when the instance has closed meanwhile', async () => {
    const type = handlerTask(() => 'done');
    const app = await new Instances(server, [type]).start({ options: { replay: { tasks: 1 } } });
    await (
      await app.coordinator.start(type, {})
    ).result;
    const [asked, hold] = [deferred(), deferred()];
    const run = listEnds.run.bind(listEnds);
    let excess: unknown;
    jest.spyOn(listEnds, 'run').mockImplementation(async (...args) => {
      const answer = await run(...args);
      if ((answer as unknown[]).length === 0) return answer;
      excess = answer;
      asked.resolve();
      await hold.promise;
      return answer;
    });
    await (
      await app.coordinator.start(type, {})
    ).result;
    await asked.promise;
    await app.close();
    hold.resolve();
    // Whoever rejects unobserved fails the test.
    await new Promise(setImmediate);
    expect(excess).toHaveLength(1);
  });

  it('has its time counted once: what a shutdown has waited is not left', async () => {
    const type = handlerTask(() => 'done');
    const instances = new Instances(server, [type]);
    const web = await instances.startWeb();
    // Somebody here waits for what goes on elsewhere.
    const seen = collect((await web.coordinator.start(type, {})).events());
    await eventually(async () =>
      expect((await web.coordinator.list()).items[0]).toMatchObject({ watchers: 1 }),
    );
    const engine = web.app.get(TaskEngine);
    server.pause();
    const began = performance.now();
    const { left } = await engine.shutdown({ drain: 0, timeout: 2_000, cancelPending: true });
    const took = performance.now() - began;
    server.goOn();
    expect(took).toBeGreaterThan(1_000);
    expect(left).toBeLessThan(Math.max(0, 2_000 - took) + 300);
    seen.unsubscribe();
  });
});

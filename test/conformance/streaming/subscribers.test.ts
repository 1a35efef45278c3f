import { afterEach, describe, expect, it } from '@jest/globals';
import { config } from 'rxjs';
import type { TaskHandle } from 'nestjs-streaming';
import { collect, type Collected, handlerTask } from '../../support/app.js';
import { inOneProcess, itInProcess, takesEffect } from '../../support/app/store.js';
import { StoppedClock } from '../../support/stopped-clock.js';
import { deferred, eventually } from '../../support/wait.js';
import {
  adapters,
  codeOf,
  createTaskApp,
  expectNoHole,
  PuppetTask,
  seqOf,
  watch,
  watchRaw,
} from '../../support/watching.js';

describe('hostile subscribers', () => {
  afterEach(() => {
    config.onUnhandledError = null;
  });

  /** A task that sends "one" and "two" when it is told to go, and ends then or later. */
  async function startOne(
    end: Promise<void> = Promise.resolve(),
  ): Promise<{ go: () => void; handle: TaskHandle }> {
    const released = deferred();
    const type = handlerTask(async (task) => {
      await task.waitFor(released.promise);
      await task.sendEvent('one');
      await task.sendEvent('two');
      await task.waitFor(end);
    });
    const { coordinator } = await createTaskApp({ tasks: [type], listen: false });
    return { go: released.resolve, handle: await coordinator.start(type, {}) };
  }

  it('A40 a callback that throws harms no other subscriber and not the handler', async () => {
    const reported: unknown[] = [];
    config.onUnhandledError = (error) => {
      reported.push(error);
    };
    const { go, handle } = await startOne();
    const before = collect(handle.events());
    const boom = new Error('mine');
    let calls = 0;
    handle.events().subscribe(() => {
      calls += 1;
      throw boom;
    });
    const after = collect(handle.events());
    go();
    expect(await handle.outcome).toMatchObject({ status: 'completed' });
    for (const { types } of [before, after]) expect(types).toEqual(['started', 'one', 'two', 'completed']);
    // RxJS reports it to whoever subscribed, and goes on.
    await eventually(() => expect(reported).toHaveLength(calls));
    expect(calls).toBeGreaterThan(0);
    expect((await handle.snapshot()).watchers).toBe(0);
  });

  it('A40 a subscriber that comes after the end and throws harms nobody either', async () => {
    const reported: unknown[] = [];
    config.onUnhandledError = (error) => {
      reported.push(error);
    };
    const { go, handle } = await startOne();
    go();
    await handle.outcome;
    handle.events().subscribe({
      next: () => {
        throw new Error('next');
      },
      complete: () => {
        throw new Error('complete');
      },
    });
    await eventually(() => expect(reported).toHaveLength(5));
    const late = collect(handle.events());
    await takesEffect(() => expect(late.types).toEqual(['started', 'one', 'two', 'completed']));
  });

  it('A41 sending, cancelling and unsubscribing from inside a callback keep order and end cleanly', async () => {
    const { go, handle } = await startOne(new Promise(() => {}));
    const seen: string[] = [];
    const other: string[] = [];
    const subscription = handle.events().subscribe(({ type }) => {
      seen.push(type);
      if (type === 'one') subscription.unsubscribe();
    });
    handle.events().subscribe(({ type }) => {
      other.push(type);
      if (type === 'one') void handle.cancel();
    });
    go();
    await handle.outcome;
    expect(seen).toEqual(['started', 'one']);
    expect(other).toEqual(['started', 'one', 'two', 'cancelled']);
    expect((await handle.snapshot()).watchers).toBe(0);
  });

  itInProcess(
    'A41 a callback that cancels at "started" keeps the handler from running',
    inOneProcess.cancel,
    async () => {
      const { go, handle } = await startOne();
      const types: string[] = [];
      handle.events().subscribe(({ type }) => {
        types.push(type);
        if (type === 'started') void handle.cancel();
      });
      go();
      expect(await handle.outcome).toMatchObject({ status: 'cancelled', started: false });
      expect(types).toEqual(['started', 'cancelled']);
    },
  );

  itInProcess(
    'A41 one that unsubscribes at once, within its own first event, is no watcher',
    inOneProcess.log,
    async () => {
      const { go, handle } = await startOne();
      go();
      await handle.outcome;
      const types: string[] = [];
      handle
        .events()
        .subscribe(({ type }) => types.push(type))
        .unsubscribe();
      expect(types).toEqual(['started', 'one', 'two', 'completed']);
      expect((await handle.snapshot()).watchers).toBe(0);
    },
  );
});

describe('events() in the process', () => {
  it('S64 resumes by the same rules as a stream', async () => {
    const task = new PuppetTask({ replay: { events: 3 } });
    const { coordinator } = await createTaskApp({ tasks: [task.type] });
    const puppet = await task.start({ coordinator, url: '' });
    const { ref } = puppet.handle;
    puppet.count(1);
    await puppet.stored();
    const early = (await puppet.handle.snapshot()).lastEventId ?? '';
    puppet.count(5);
    await puppet.stored();
    const newest = (await puppet.handle.snapshot()).lastEventId ?? '';
    const from = (after?: string): Collected =>
      collect(coordinator.events(ref, after === undefined ? {} : { after }));
    const [all, old, now, lost] = [from(), from(early), from(newest), from('junk')];
    await takesEffect(() => {
      for (const { events } of [all, old, lost]) expect(events).toHaveLength(4);
    });
    const snapshot = expect.objectContaining({ id: puppet.id, status: 'running' }) as unknown;
    expect(all.events[0]).toMatchObject({ type: 'gap', data: { cause: 'expired', missed: 4, snapshot } });
    expect(old.events[0]).toMatchObject({ type: 'gap', data: { cause: 'expired', missed: 2, snapshot } });
    expect(now.events).toEqual([]);
    expect(lost.events[0]).toMatchObject({
      type: 'gap',
      data: { cause: 'unknown-id', missed: null, snapshot },
    });
    await puppet.end();
    await Promise.all([all, old, now, lost].map(({ done }) => done));
    for (const collected of [all, old, lost])
      expect(collected.events.slice(1).map(seqOf)).toEqual([5, 6, 7, 8]);
    expect(now.events.map(seqOf)).toEqual([8]);
    const terminal = (await puppet.handle.snapshot()).lastEventId ?? '';
    const over = from(terminal);
    await takesEffect(() => expect([over.events, over.completed]).toEqual([[], true]));
  });

  it('S64 errors for an unknown task, when it is subscribed to', async () => {
    const { coordinator } = await createTaskApp({ listen: false });
    const events = coordinator.events({ app: 'test', name: 'none', id: 'x' });
    expect(await codeOf(() => collect(events).done)).toBe('TASK_NOT_FOUND');
    for (const id of ['..', '', '\0']) {
      expect(await codeOf(() => collect(coordinator.events({ app: 'test', name: 'none', id })).done)).toBe(
        'TASK_NOT_FOUND',
      );
    }
  });

  it('S34 completes before outcome and result settle', async () => {
    const task = new PuppetTask();
    const { coordinator } = await createTaskApp({ tasks: [task.type], listen: false });
    const puppet = await task.start({ coordinator, url: '' });
    const order: string[] = [];
    puppet.handle.events().subscribe({
      next: ({ type }) => order.push(type),
      complete: () => order.push('complete'),
    });
    void puppet.handle.result.then(() => order.push('result'));
    void puppet.handle.outcome.then(() => order.push('outcome'));
    await puppet.end();
    await new Promise((resolve) => setImmediate(resolve));
    expect(order.slice(0, 3)).toEqual(['started', 'completed', 'complete']);
    expect(order.slice(3).toSorted()).toEqual(['outcome', 'result']);
  });
});

describe.each(adapters)('hostile connections beside others (%s)', (adapter) => {
  it('A40 an SSE connection that fails harms no other watcher and not the handler', async () => {
    const task = new PuppetTask({ replay: { bytes: 30_000_000 } });
    const app = await createTaskApp({ adapter, tasks: [task.type] });
    const puppet = await task.start(app);
    const good = await watch(puppet.url);
    const bad = await Promise.all([watchRaw(puppet.url), watchRaw(puppet.url), watchRaw(puppet.url)]);
    await Promise.all(bad.map((client) => client.until('started')));
    bad[0].pause();
    for (let n = 0; n < 50; n++) {
      puppet.send('big', 'x'.repeat(100_000));
      // One resets while much is on its way to it, one leaves between two events.
      if (n === 10) await bad[0].close('reset');
      if (n === 20) await bad[1].close('fin');
      if (n === 30) bad[2].socket.write('garbage that is no request\r\n\r\n');
    }
    await puppet.end();
    expect(await good.ended).toBe('complete');
    expectNoHole(good.events);
    expect(seqOf(good.events.at(-1)!)).toBe(52);
    expect(await puppet.handle.outcome).toMatchObject({ status: 'completed' });
  });

  it('A41 A40 a callback in the process that sends, throws and cancels leaves the streams beside it in order', async () => {
    const reported: unknown[] = [];
    config.onUnhandledError = (error) => {
      reported.push(error);
    };
    try {
      const task = new PuppetTask();
      const app = await createTaskApp({ adapter, tasks: [task.type] });
      const puppet = await task.start(app);
      const [before, replayed] = [await watch(puppet.url), await watch(puppet.url)];
      await Promise.all([before.next('started'), replayed.next('started')]);
      puppet.handle.events().subscribe((event) => {
        if (event.type !== 'n') return;
        const n = event.data as number;
        if (n < 20) puppet.count(2);
        if (n === 20) void puppet.handle.cancel({ detail: 'from inside' });
        if (n % 5 === 0) throw new Error('mine');
      });
      const gone = puppet.handle.events().subscribe(({ type }) => {
        if (type === 'n') gone.unsubscribe();
      });
      puppet.count(1);
      expect(await puppet.handle.outcome).toMatchObject({ status: 'cancelled' });
      const late = await watch(puppet.url);
      for (const stream of [before, replayed, late]) {
        expect(await stream.ended).toBe('complete');
        expectNoHole(stream.events);
        const numbers = stream.events.filter(({ type }) => type === 'n').map(({ data }) => data);
        expect(numbers).toEqual(numbers.map((_, index) => index + 1));
        expect(numbers.length).toBeGreaterThanOrEqual(20);
        expect(stream.events.at(-1)).toMatchObject({ type: 'cancelled', data: { detail: 'from inside' } });
      }
      await eventually(() => expect(reported.length).toBeGreaterThan(0));
    } finally {
      config.onUnhandledError = null;
    }
  });
});

describe.each(adapters)('what is kept (%s)', (adapter) => {
  itInProcess('A43 an ended task is freed after its retention', inOneProcess.times, async () => {
    using clock = new StoppedClock();
    const type = handlerTask(() => 1);
    const app = await createTaskApp({ adapter, tasks: [type], options: { replay: { retention: 50 } } });
    const { ref, outcome } = await app.coordinator.start(type, {});
    await outcome;
    expect(await app.coordinator.get(ref)).toMatchObject({ status: 'completed' });
    await clock.advance(49);
    expect(await app.coordinator.get(ref)).toBeDefined();
    await clock.advance(1);
    expect(await app.coordinator.get(ref)).toBeUndefined();
    expect((await watch(`${app.url}/test/${ref.name}/${ref.id}`)).status).toBe(404);
  });

  it('A43 over replay.tasks the oldest ended go first, and a running task never goes', async () => {
    const task = new PuppetTask();
    const app = await createTaskApp({ adapter, tasks: [task.type], options: { replay: { tasks: 2 } } });
    const running = await task.start(app, { id: 'running' });
    for (const id of ['a', 'b', 'c', 'd']) await (await task.start(app, { id })).end();
    const ids = async (): Promise<string[]> =>
      (await app.coordinator.list()).items.map(({ id }) => id).toSorted();
    await takesEffect(async () => expect(await ids()).toEqual(['c', 'd', 'running']));
    await running.end();
    await takesEffect(async () => expect(await ids()).toEqual(['d', 'running']));
  });

  itInProcess(
    'A43 over replay.totalBytes the oldest ended go first, and a running task never goes',
    inOneProcess.memory,
    async () => {
      const task = new PuppetTask();
      const app = await createTaskApp({
        adapter,
        tasks: [task.type],
        options: { replay: { totalBytes: 350_000 } },
      });
      const running = await task.start(app, { id: 'running' });
      running.send('big', 'x'.repeat(100_000));
      for (const id of ['a', 'b', 'c', 'd']) {
        const puppet = await task.start(app, { id });
        puppet.send('big', 'x'.repeat(100_000));
        await puppet.end();
      }
      expect((await app.coordinator.list()).items.map(({ id }) => id).toSorted()).toEqual([
        'c',
        'd',
        'running',
      ]);
      // More than all of it, by a task that goes on: whatever has ended makes room.
      for (let n = 0; n < 4; n++) running.send('big', 'x'.repeat(100_000));
      expect((await app.coordinator.list()).items.map(({ id }) => id)).toEqual(['running']);
      await running.end();
    },
  );

  itInProcess(
    'A43 a log that is still read outlives its retention, for that reader',
    inOneProcess.retention,
    async () => {
      const task = new PuppetTask({ replay: { bytes: 30_000_000 } });
      const app = await createTaskApp({ adapter, tasks: [task.type], options: { replay: { retention: 0 } } });
      const puppet = await task.start(app);
      for (let n = 0; n < 100; n++) puppet.send('big', 'x'.repeat(200_000));
      const reader = await watch(puppet.url);
      await reader.next('started');
      reader.pause();
      await puppet.end();
      await eventually(async () => expect(await app.coordinator.get(puppet.handle.ref)).toBeUndefined());
      expect((await watch(puppet.url)).status).toBe(404);
      reader.resume();
      expect(await reader.ended).toBe('complete');
      expectNoHole(reader.events);
      expect(reader.events.at(-1)?.type).toBe('completed');
    },
  );
});

describe('what is kept, in bytes', () => {
  itInProcess('A43 ten thousand short tasks leave the heap where it was', inOneProcess.memory, async () => {
    const type = handlerTask(async (task) => {
      await task.progress(50);
      return 'x'.repeat(100);
    });
    const { coordinator } = await createTaskApp({
      tasks: [type],
      listen: false,
      options: { replay: { tasks: 50 } },
    });
    const run = async (count: number): Promise<void> => {
      for (let done = 0; done < count; done += 100) {
        const handles = await Promise.all(Array.from({ length: 100 }, () => coordinator.start(type, {})));
        await Promise.all(handles.map(({ outcome }) => outcome));
      }
    };
    const heap = async (): Promise<number> => {
      for (let n = 0; n < 3; n++) {
        globalThis.gc?.();
        await new Promise((resolve) => setImmediate(resolve));
      }
      return process.memoryUsage().heapUsed;
    };
    await run(2_000);
    let grown = Infinity;
    // What the engine itself keeps, such as code that is compiled late, grows once.
    for (let round = 0; round < 3 && grown >= 1_000_000; round++) {
      const before = await heap();
      await run(10_000);
      grown = (await heap()) - before;
    }
    // Had each left only its key, it would be over a megabyte, each time.
    expect(grown).toBeLessThan(1_000_000);
  });
});

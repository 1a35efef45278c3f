import { describe, expect, it } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import { type TaskContext, type TaskHandle, TaskNotFoundError } from 'nestjs-streaming';
import { type Collected, collect, createTaskApp, handlerTask, startTask } from '../../../support/app.js';
import { inOneProcess, isOnRedis, itInProcess, takesEffect } from '../../../support/app/store.js';
import { openStream } from '../../../support/clients/sse.js';
import { deferred, eventually } from '../../../support/wait.js';
import { expectEnd, rejection, terminalEvents } from '../expect-end.js';

describe('RA. Races and same-tick behaviour', () => {
  it('RA.171 a cancel in the turn in which the handler resolves is true, and its value is discarded', async () => {
    const value = deferred<string>();
    const started = await startTask(() => value.promise);
    await started.running;
    value.resolve('too late');
    const accepted = started.handle.cancel();
    expect(await accepted).toBe(true);
    const outcome = await expectEnd(started, 'cancelled');
    expect(outcome).toMatchObject({ discardedValue: 'too late', swallowed: true });
    expect(outcome.value).toBeUndefined();
  });

  it('RA.173 a cancel after outcome has given completed is false', async () => {
    const value = deferred<string>();
    const started = await startTask(() => value.promise);
    await started.running;
    value.resolve('in time');
    expect((await started.handle.outcome).status).toBe('completed');
    expect(await started.handle.cancel()).toBe(false);
    expect((await expectEnd(started, 'completed')).value).toBe('in time');
  });

  it('RA.175 a cancel while the end of a handler that has returned is under way is false', async () => {
    const cleaning = deferred();
    const cleaned = deferred();
    let aborted: boolean | undefined;
    const started = await startTask((task) => {
      task.defer(async () => {
        cleaning.resolve();
        await cleaned.promise;
        aborted = task.signal.aborted;
      });
      return 'done';
    });
    const { coordinator, handle } = started;
    await cleaning.promise;
    expect(await coordinator.cancelTask(handle.ref)).toBe(false);
    expect(await handle.cancel()).toBe(false);
    // The outcome stands, but nobody was told: the status stays what it was.
    expect(handle.status).toBe('running');
    expect(await coordinator.isTaskRunning('test', handle.ref.name, handle.id)).toBe(true);
    const settled = handle.cancel({ wait: 'settled' });
    cleaned.resolve();
    expect(await settled).toBe(false);

    const outcome = await expectEnd(started, 'completed');
    expect(outcome.requests).toEqual([]);
    expect(aborted).toBe(false);
    expect(await coordinator.get(handle.ref)).toMatchObject({ status: 'completed', finalValue: 'done' });
    expect(started.events.types).toEqual(['started', 'completed']);
  });

  it('RA.175 the same for one that has failed, and over HTTP it is 409', async () => {
    const cleaning = deferred();
    const cleaned = deferred();
    const { taskApp, ...started } = await startTask(
      (task) => {
        task.defer(async () => {
          cleaning.resolve();
          await cleaned.promise;
        });
        throw new Error('Broken');
      },
      { listen: true },
    );
    await cleaning.promise;
    const url = `${taskApp.url}/test/${started.handle.ref.name}/${started.handle.id}`;
    const answer = await fetch(url, { method: 'DELETE' });
    expect(answer.status).toBe(409);
    expect(await answer.json()).toMatchObject({ code: 'TASK_ENDED' });
    expect(await (await fetch(`${url}/status`)).json()).toMatchObject({ status: 'running' });
    cleaned.resolve();
    await expectEnd(started, 'failed');
  });

  it('RA.176 of 1 000 tasks cancelled around their completion none ends twice, or completes after a true', async () => {
    const Racer = handlerTask(async (task: TaskContext<{ turns: number; ms: number }>) => {
      const { turns, ms } = task.input;
      for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate);
      if (ms > 0) await task.sleep(ms);
      return task.id;
    });
    const { coordinator } = await createTaskApp({ tasks: [Racer], listen: false });
    // What a hundred at once take that nobody cancels.
    const began = performance.now();
    const quick = Array.from({ length: 100 }, () => coordinator.start(Racer, { turns: 3, ms: 5 }));
    for (const handle of await Promise.all(quick)) await handle.outcome;
    const longest = Math.max(8, performance.now() - began);
    const race = async (): Promise<{ handle: TaskHandle; events: Collected; accepted: boolean }> => {
      const ms = Math.floor(Math.random() * 6);
      const turns = Math.floor(Math.random() * 4);
      const handle = await coordinator.start(Racer, { turns, ms });
      const events = collect(handle.events());
      await delay(Math.random() * longest);
      const accepted = await handle.cancel();
      return { handle, events, accepted };
    };
    const races: Awaited<ReturnType<typeof race>>[] = [];
    // Few enough at once for the timers to fire when they are due.
    while (races.length < 1_000) races.push(...(await Promise.all(Array.from({ length: 100 }, race))));
    const seen = new Map<string, number>();
    for (const { handle, events, accepted } of races) {
      const { status } = await handle.outcome;
      await events.done;
      expect(terminalEvents(events.events).map(({ type }) => type)).toEqual([status]);
      expect(status).toBe(accepted ? 'cancelled' : 'completed');
      seen.set(status, (seen.get(status) ?? 0) + 1);
    }
    // Otherwise it was no race.
    expect(seen.get('cancelled')).toBeGreaterThan(0);
    expect(seen.get('completed')).toBeGreaterThan(0);
    for (const status of ['pending', 'running', 'cancelling'] as const) {
      expect((await coordinator.list({ status })).items).toEqual([]);
    }
  });

  itInProcess(
    'RA.177 a watcher that cancels from its own progress callback gets true, and the task does not complete',
    inOneProcess.cancel,
    async () => {
      const answers: Promise<boolean>[] = [];
      const started = await startTask(async (task) => {
        await task.progress(50);
        await task.yield();
        return 'done';
      });
      started.handle.events().subscribe((event) => {
        if (event.type === 'progress') answers.push(started.handle.cancel());
      });
      await expectEnd(started, 'cancelled');
      expect(await Promise.all(answers)).toEqual([true]);
      expect(started.events.types).toEqual(['started', 'progress', 'cancelled']);
    },
  );

  itInProcess(
    'RA.177 also when the handler returns in that turn, or when the event is started',
    inOneProcess.cancel,
    async () => {
      let began = false;
      const Quick = handlerTask((task) => {
        began = true;
        void task.progress(100);
        return 'done';
      });
      const { coordinator } = await createTaskApp({ tasks: [Quick], listen: false });
      for (const type of ['progress', 'started']) {
        began = false;
        const handle = await coordinator.start(Quick, {});
        const answers: Promise<boolean>[] = [];
        handle.events().subscribe((event) => {
          if (event.type === type) answers.push(handle.cancel());
        });
        await expectEnd({ handle, events: collect(handle.events()) }, 'cancelled');
        expect(await Promise.all(answers)).toEqual([true]);
        expect(began).toBe(type === 'progress');
      }
    },
  );

  it('RA.179 a watcher that comes while the task is cancelling gets the terminal event and is completed', async () => {
    const cleaned = deferred();
    const { taskApp, ...started } = await startTask(
      async (task) => {
        try {
          await task.sleep(60_000);
        } finally {
          await cleaned.promise;
        }
      },
      { listen: true },
    );
    const { handle } = started;
    await started.running;
    await handle.cancel();
    expect(handle.status).toBe('cancelling');
    const late = collect(taskApp.coordinator.events(handle.ref));
    const stream = await openStream(`${taskApp.url}/test/${handle.ref.name}/${handle.id}`);
    await stream.next('started');
    expect(late.types).toEqual(['started']);
    expect(handle.status).toBe('cancelling');
    cleaned.resolve();
    await expectEnd({ handle, events: late }, 'cancelled');
    await stream.next('cancelled');
    expect(await stream.ended).toBe('complete');
    expect(stream.events.map(({ type }) => type)).toEqual(['started', 'cancelled']);
  });

  it('RA.180 a watcher that comes after the end gets what is kept and the terminal event once', async () => {
    const { taskApp, ...started } = await startTask(
      async (task) => {
        await task.sendEvent('kept', 1);
        await task.sleep(60_000);
      },
      { listen: true },
    );
    const { handle } = started;
    await started.events.until('kept');
    await handle.cancel();
    const { events } = started;
    await events.done;
    for (const late of [handle.events(), taskApp.coordinator.events(handle.ref)]) {
      expect(await collect(late).done).toEqual(events.events);
    }
    const stream = await openStream(`${taskApp.url}/test/${handle.ref.name}/${handle.id}`);
    expect(await stream.ended).toBe('complete');
    expect(stream.events.map(({ id, type }) => ({ id, type }))).toEqual(
      events.events.map(({ id, type }) => ({ id, type })),
    );
  });

  it('RA.180 a watcher of a task that is no longer kept, or never was, gets TaskNotFoundError', async () => {
    const { taskApp, ...started } = await startTask((task) => task.sleep(60_000), {
      listen: true,
      options: { replay: { retention: 20 } },
    });
    const { handle } = started;
    await started.running;
    await handle.cancel();
    await started.events.done;
    await eventually(async () => (await taskApp.coordinator.get(handle.ref)) === undefined);

    const forgotten = collect(taskApp.coordinator.events(handle.ref));
    expect(await rejection(forgotten.done)).toBeInstanceOf(TaskNotFoundError);
    expect(forgotten.events).toEqual([]);
    const unknown = collect(taskApp.coordinator.events({ app: 'test', name: 'nothing', id: 'nobody' }));
    expect(await rejection(unknown.done)).toBeInstanceOf(TaskNotFoundError);
    const stream = await openStream(`${taskApp.url}/test/${handle.ref.name}/${handle.id}`);
    expect(stream.status).toBe(404);
    expect(await stream.json()).toMatchObject({ code: 'TASK_NOT_FOUND' });
  });

  itInProcess(
    'RA.180 the handle of a task that is no longer kept stays with its run',
    inOneProcess.retention,
    async () => {
      const { coordinator, handle, ...started } = await startTask((task) => task.sleep(60_000), {
        options: { replay: { retention: 20 } },
      });
      await started.running;
      await handle.cancel();
      await started.events.done;
      await eventually(async () => (await coordinator.get(handle.ref)) === undefined);
      expect((await collect(handle.events()).done).map(({ type }) => type)).toEqual(['started', 'cancelled']);
    },
  );

  it('RA.186 a cancel from the own onCancel callback is true and does not recurse', async () => {
    const answers: Promise<boolean>[] = [];
    let own: boolean | undefined;
    let calls = 0;
    const started = await startTask(async (task) => {
      task.onCancel(() => {
        calls += 1;
        answers.push(started.handle.cancel({ detail: 'again' }));
        own = task.cancel('and again');
      });
      try {
        await task.sleep(60_000);
      } finally {
        await takesEffect(() => expect(task.cancelling).toBe(3));
      }
    });
    await started.running;
    expect(await started.handle.cancel({ detail: 'first' })).toBe(true);
    const outcome = await expectEnd(started, 'cancelled');
    expect(calls).toBe(1);
    expect(await Promise.all(answers)).toEqual([true]);
    expect(own).toBe(true);
    expect(outcome.reason?.detail).toBe('first');
    const others = ['again', 'and again'];
    // The first of them goes by way of Redis, where tasks are there.
    if (isOnRedis) others.reverse();
    expect(outcome.requests.map(({ detail }) => detail)).toEqual(['first', ...others]);
  });
});

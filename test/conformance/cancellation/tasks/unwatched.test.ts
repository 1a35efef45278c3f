import { describe, expect, it } from '@jest/globals';
import { collect, createTaskApp, handlerTask, startTask } from '../../../support/app.js';
import { logSides } from '../../../support/app/sides.js';
import { openStream } from '../../../support/clients/sse.js';
import { StoppedClock } from '../../../support/stopped-clock.js';
import { deferred, eventually } from '../../../support/wait.js';
import { expectEnd } from '../expect-end.js';

const delayOfWatcher = 50;

describe.each(logSides)('AD. A task that nobody watches ($name)', (side) => {
  it('AD.233 by default a task goes on when its last watcher leaves', async () => {
    const go = deferred();
    const { taskApp, ...started } = await startTask(
      async (task) => {
        await task.waitFor(go.promise);
        return 'done';
      },
      { ...side, listen: true },
    );
    await started.running;
    const stream = await openStream(`${taskApp.url}/test/${started.handle.ref.name}/${started.handle.id}`);
    await stream.next('started');
    started.events.unsubscribe();
    await stream.close();
    await eventually(async () => (await started.handle.snapshot()).watchers === 0);
    expect(started.handle.status).toBe('running');
    go.resolve();
    expect(await started.handle.result).toBe('done');
  });

  it('AD.233 with cancelWhenUnwatched it is cancelled so long after its last watcher left', async () => {
    using clock = new StoppedClock();
    const started = await startTask((task) => task.sleep(60_000), {
      ...side,
      task: { cancelWhenUnwatched: delayOfWatcher },
    });
    await started.running;
    const second = collect(started.handle.events());
    started.events.unsubscribe();
    second.unsubscribe();
    const outcome = await clock.until(started.handle.outcome);
    expect(clock.now()).toBe(delayOfWatcher);
    expect(outcome).toMatchObject({ status: 'cancelled', reason: { kind: 'unwatched' } });
    const late = collect(started.handle.events());
    await expectEnd({ handle: started.handle, events: late }, 'cancelled');
    expect(late.events.at(-1)?.data).toEqual({ message: 'Task was cancelled', reason: 'unwatched' });
  });

  it('AD.233 unless a watcher comes back in time', async () => {
    using clock = new StoppedClock();
    const go = deferred();
    const started = await startTask((task) => task.waitFor(go.promise), {
      ...side,
      task: { cancelWhenUnwatched: delayOfWatcher },
    });
    await started.running;
    started.events.unsubscribe();
    const back = collect(started.handle.events());
    await clock.advance(delayOfWatcher * 2);
    expect(started.handle.status).toBe('running');
    go.resolve();
    await expectEnd({ handle: started.handle, events: back }, 'completed');
  });

  it('AD.233 the same for a client over HTTP that goes away', async () => {
    using clock = new StoppedClock();
    const { taskApp, ...started } = await startTask((task) => task.sleep(60_000), {
      ...side,
      listen: true,
      task: { cancelWhenUnwatched: delayOfWatcher },
    });
    await started.running;
    const stream = await openStream(`${taskApp.url}/test/${started.handle.ref.name}/${started.handle.id}`);
    await stream.next('started');
    started.events.unsubscribe();
    await clock.advance(delayOfWatcher * 2);
    expect(started.handle.status).toBe('running');
    await stream.close();
    await eventually(async () => (await started.handle.snapshot()).watchers === 0);
    expect(await clock.until(started.handle.outcome)).toMatchObject({
      status: 'cancelled',
      reason: { kind: 'unwatched' },
    });
    expect(clock.now()).toBe(delayOfWatcher * 3);
  });

  it('AD.233 a task that nobody ever watched is cancelled so long after its start', async () => {
    using clock = new StoppedClock();
    const Sleeper = handlerTask((task) => task.sleep(60_000), { cancelWhenUnwatched: delayOfWatcher });
    const { coordinator } = await createTaskApp({ ...side, tasks: [Sleeper], listen: false });
    const handle = await coordinator.start(Sleeper, {});
    const outcome = await clock.until(handle.outcome);
    expect(outcome).toMatchObject({ status: 'cancelled', started: true, reason: { kind: 'unwatched' } });
    expect(outcome.durationMs).toBe(delayOfWatcher);
  });
});

import { afterEach, describe, expect, it } from '@jest/globals';
import { Injectable, type OnModuleDestroy, Scope } from '@nestjs/common';
import {
  type StreamingModuleOptions,
  StreamTask,
  type TaskContext,
  type TaskHandler,
} from 'nestjs-streaming';
import { collect, createTaskApp, startTask } from '../../../support/app.js';
import { sides } from '../../../support/app/sides.js';
import { RawSocket } from '../../../support/clients/raw-socket.js';
import { openStream } from '../../../support/clients/sse.js';
import { StoppedClock } from '../../../support/stopped-clock.js';
import { closeBound, eventually } from '../../../support/wait.js';
import { expectEnd } from '../expect-end.js';
import { stopwatch } from '../timing.js';

describe.each(sides)('SD. Shutdown of an application on $name', (side) => {
  const sockets: RawSocket[] = [];
  afterEach(async () => {
    await Promise.all(sockets.splice(0).map((socket) => socket.close('reset')));
  });

  it('SD.165 app.close() runs the shutdown by itself', async () => {
    const { taskApp, ...started } = await startTask((task) => task.sleep(60_000), { ...side, listen: true });
    await started.running;
    await taskApp.app.close();
    expect(started.handle.status).toBe('cancelled');
    const outcome = await expectEnd(started, 'cancelled');
    expect(outcome.reason?.kind).toBe('shutdown');
  });

  it.each([
    ['made once', Scope.DEFAULT],
    ['made for each run', Scope.REQUEST],
    ['made for each who asks', Scope.TRANSIENT],
  ])('SD.165 while tasks that are %s clean up, the providers they use still live', async (_, scope) => {
    const trace: string[] = [];
    @Injectable()
    class Files implements OnModuleDestroy {
      private isOpen = true;

      flush(): void {
        trace.push(this.isOpen ? 'flushed' : 'too late');
      }

      onModuleDestroy(): void {
        this.isOpen = false;
        trace.push('closed');
      }
    }
    // Has no hook of its own, and stands between.
    @Injectable({ scope })
    class Reports {
      constructor(readonly files: Files) {}
    }
    @StreamTask()
    @Injectable({ scope })
    class ExportTask implements TaskHandler {
      constructor(private readonly reports: Reports) {}

      async process(task: TaskContext): Promise<void> {
        try {
          await task.sendEvent('exporting');
          await task.sleep(60_000);
        } finally {
          await new Promise(setImmediate);
          this.reports.files.flush();
        }
      }
    }
    const { app, coordinator } = await createTaskApp({
      ...side,
      tasks: [ExportTask],
      providers: [Reports, Files],
    });
    const handle = await coordinator.start(ExportTask, {});
    await collect(handle.events()).until('exporting');
    await app.close();
    expect(trace).toEqual(['flushed', 'closed']);
    expect((await handle.outcome).status).toBe('cancelled');
  });

  it('SD.165 the options of the module hold', async () => {
    const options: StreamingModuleOptions = { shutdown: { drain: 1_000 } };
    const { taskApp, ...started } = await startTask((task) => task.sleep(20), { ...side, options });
    await started.running;
    await taskApp.app.close();
    await expectEnd(started, 'completed');
  });

  it('SD.167 an open stream gets its cancelled event and does not hold up app.close()', async () => {
    const { taskApp, ...started } = await startTask((task) => task.sleep(60_000), { ...side, listen: true });
    const { handle } = started;
    const path = `/stream/test/${handle.ref.name}/${handle.id}`;
    const stream = await openStream(`${taskApp.origin}${path}`);
    // As a browser has it: the connection would be kept for the next request.
    const kept = await RawSocket.get(taskApp.port, path, { Connection: 'keep-alive' });
    sockets.push(kept);
    await stream.next('started');
    await kept.until('event: started');
    await eventually(async () => (await handle.snapshot()).watchers === 3);

    const watch = stopwatch();
    await taskApp.app.close();
    expect(watch.elapsed).toBeLessThan(closeBound);

    expect(await stream.next('cancelled')).toMatchObject({
      data: { message: 'Task was cancelled', reason: 'shutdown' },
    });
    expect(await stream.ended).toBe('complete');
    await kept.closed;
    expect(kept.went).toBe('ended');
    expect(kept.body.match(/^event: .*$/gm)).toEqual(['event: started', 'event: cancelled']);
    await expectEnd(started, 'cancelled');
  });

  it('SD.167 a slow client has what is left of the timeout to take the end', async () => {
    const { coordinator, handle, taskApp, events } = await startTask(
      async (task) => {
        for (let n = 0; n < 50; n++) void task.sendEvent('chunk', 'x'.repeat(200_000));
        void task.sendEvent('filled');
        await task.sleep(60_000);
      },
      { ...side, listen: true, task: { replay: { bytes: 20_000_000 } } },
    );
    await events.until('filled');
    const slow = await RawSocket.connect(taskApp.port);
    sockets.push(slow);
    slow.pause();
    slow.request('GET', `/stream/test/${handle.ref.name}/${handle.id}`);
    await eventually(async () => (await handle.snapshot()).watchers === 2);
    using clock = new StoppedClock();
    const report = coordinator.shutdown({ timeout: 10_000 });
    await clock.advance(9_000);
    slow.resume();
    await slow.closed;
    expect(slow.went).toBe('ended');
    expect(slow.body).toContain('event: cancelled');
    expect(await report).toMatchObject({ cancelled: 1 });
  });

  it('SD.167 a client that does not read is destroyed when its time is over', async () => {
    const { taskApp, ...started } = await startTask(
      async (task) => {
        for (let n = 0; n < 1_000; n++) {
          await task.sendEvent('chunk', 'x'.repeat(10_000));
          if (n % 20 === 0) await task.yield();
        }
        await task.sendEvent('filled');
        await task.sleep(60_000);
      },
      { ...side, listen: true, options: { shutdown: { timeout: 200 } } },
    );
    const { handle } = started;
    const stuck = await RawSocket.connect(taskApp.port);
    sockets.push(stuck);
    stuck.pause();
    stuck.request('GET', `/stream/test/${handle.ref.name}/${handle.id}`);
    await eventually(async () => (await handle.snapshot()).watchers === 2);
    await started.events.until('filled');
    const watch = stopwatch();
    await taskApp.app.close();
    expect(watch.elapsed).toBeLessThan(closeBound);
    await expectEnd(started, 'cancelled');
  });
});

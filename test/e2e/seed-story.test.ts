import { beforeEach, describe, expect, it } from '@jest/globals';
import { EventSource } from 'eventsource';
import { execFile } from 'node:child_process';
import type { Server } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { StreamTask, type TaskContext, type TaskHandle, type TaskHandler } from 'nestjs-streaming';
import { call } from '../support/clients/http-client.js';
import { deferred, eventually, patience, withTimeout } from '../support/wait.js';
import {
  adapters,
  closeLater,
  createTaskApp,
  quiet,
  resumeAfter,
  type TaskApp,
} from '../support/watching.js';

const cancelled = { message: 'Task was cancelled', reason: 'external_cancellation' };

const cleaned: string[] = [];

@StreamTask({ name: 'Transcode' })
class Transcode implements TaskHandler<object, string> {
  async process(task: TaskContext<object>): Promise<string> {
    try {
      for (let percent = 0; percent < 100; percent++) {
        await task.progress(percent);
        await task.sleep(10);
      }
      return 'done';
    } finally {
      await delay(5);
      cleaned.push(task.id);
    }
  }
}

/** What one EventSource was told, and what became of its responses. */
class Watcher {
  readonly events: { type: string; data: unknown; lastEventId: string }[] = [];
  readonly statuses: number[] = [];
  readonly closed = deferred();
  private readonly source: EventSource;

  constructor(url: string) {
    this.source = new EventSource(url, {
      fetch: async (input, init) => {
        const response = await fetch(input, init);
        this.statuses.push(response.status);
        return response;
      },
    });
    closeLater(() => this.source.close());
    for (const type of [
      'started',
      'progress',
      'cancelling',
      'completed',
      'failed',
      'cancelled',
      'timeout',
      'gap',
    ]) {
      this.source.addEventListener(type, ({ data, lastEventId }) => {
        this.events.push({ type, data: JSON.parse(data as string) as unknown, lastEventId });
      });
    }
    this.source.addEventListener('error', () => {
      if (this.source.readyState === this.source.CLOSED) this.closed.resolve();
    });
  }

  get types(): string[] {
    return this.events.map(({ type }) => type);
  }
}

describe.each(adapters)('three watchers and one cancellation (%s)', (adapter) => {
  let app: TaskApp;
  let handle: TaskHandle;
  let url: string;

  beforeEach(async () => {
    cleaned.length = 0;
    app = await createTaskApp({ adapter, tasks: [Transcode], options: { http: { retry: 20 } } });
    handle = await app.coordinator.start(Transcode, {}, { id: 'movie' });
    url = `${app.url}/test/Transcode/movie`;
  });

  it('each gets exactly one cancelled event, last, then its response ends', async () => {
    const watchers = [new Watcher(url), new Watcher(url), new Watcher(url)];
    const curl = promisify(execFile)('curl', ['-sSN', '--max-time', '10', url]);
    let shown = '';
    curl.child.stdout?.on('data', (text: string) => {
      shown += text;
    });
    await eventually(() => {
      for (const { types } of watchers) expect(types).toContain('progress');
      expect(shown).toContain('event: progress\n');
    });
    expect((await call('GET', `${url}/status`)).body).toMatchObject({ status: 'running', watchers: 4 });

    const answer = await call('DELETE', url);
    expect(answer).toMatchObject({ status: 202, body: { cancelled: true, status: 'cancelling' } });

    await withTimeout(Promise.all(watchers.map(({ closed }) => closed.promise)), patience, 'the end of all');
    const { stdout } = await curl;
    await delay(quiet);
    for (const { events, types, statuses } of watchers) {
      expect(types.filter((type) => type === 'cancelled')).toHaveLength(1);
      expect(events.at(-1)).toMatchObject({ type: 'cancelled', data: cancelled });
      expect(types.slice(0, -1).every((type) => type === 'started' || type === 'progress')).toBe(true);
      // Its response ended; it came back once with that id, and was told to stop.
      expect(statuses).toEqual([200, 204]);
    }
    expect(stdout.match(/^event: cancelled$/gm)).toHaveLength(1);
    expect(stdout).toMatch(/event: cancelled\ndata: (\{.*\})\nid: [a-z0-9]+-[0-9]+\n\n$/);
    expect(JSON.parse(/cancelled\ndata: (.*)\n/.exec(stdout)?.[1] ?? '')).toEqual(cancelled);

    expect(cleaned).toEqual(['movie']);
    expect(await call('DELETE', url)).toMatchObject({ status: 409, body: { code: 'TASK_ENDED' } });
    const lastEventId = watchers[0]?.events.at(-1)?.lastEventId ?? '';
    expect((await resumeAfter(url, lastEventId)).status).toBe(204);
    expect(await handle.snapshot()).toMatchObject({ status: 'cancelled', watchers: 0, lastEventId });
    expect(await connectionsOf(app)).toBe(0);
  });

  it('the terminal event comes after the handler’s finally', async () => {
    const watcher = new Watcher(url);
    await eventually(() => watcher.types.includes('progress'));
    let atEvent: string[] | undefined;
    handle.events().subscribe(({ type }) => {
      if (type === 'cancelled') atEvent = [...cleaned];
    });
    await call('DELETE', url);
    await handle.outcome;
    expect(atEvent).toEqual(['movie']);
    await watcher.closed.promise;
  });

  it('in code: true for a running task, false for an unknown and for an ended one', async () => {
    const { coordinator } = app;
    await eventually(async () => expect((await handle.snapshot()).status).toBe('running'));
    expect(await coordinator.cancelTask('test', 'Transcode', 'nobody')).toBe(false);
    expect(await coordinator.cancelTask('test', 'Nothing', 'movie')).toBe(false);
    expect(await coordinator.cancelTask('test', 'Transcode', 'movie')).toBe(true);
    expect(await coordinator.isTaskRunning('test', 'Transcode', 'movie')).toBe(true);
    await handle.outcome;
    expect(await coordinator.cancelTask('test', 'Transcode', 'movie')).toBe(false);
    expect(await coordinator.cancelTask({ app: 'test', name: 'Transcode', id: 'movie' })).toBe(false);
    expect(await coordinator.isTaskRunning('test', 'Transcode', 'movie')).toBe(false);
    expect(cleaned).toEqual(['movie']);
  });

  it('in code: three at once give three times true and one event', async () => {
    const { coordinator } = app;
    const watcher = new Watcher(url);
    await eventually(() => watcher.types.includes('progress'));
    const answers = await Promise.all([
      coordinator.cancelTask('test', 'Transcode', 'movie'),
      coordinator.cancelTask('test', 'Transcode', 'movie'),
      coordinator.cancelTask('test', 'Transcode', 'movie'),
    ]);
    expect(answers).toEqual([true, true, true]);
    expect(await handle.outcome).toMatchObject({
      status: 'cancelled',
      requests: [{ kind: 'external' }, { kind: 'external' }, { kind: 'external' }],
    });
    await watcher.closed.promise;
    expect(watcher.types.filter((type) => type === 'cancelled')).toHaveLength(1);
    expect(cleaned).toEqual(['movie']);
  });

  it('over HTTP: three at once are three times 202 and one event', async () => {
    const watcher = new Watcher(url);
    await eventually(() => watcher.types.includes('progress'));
    const answers = await Promise.all([1, 2, 3].map(() => call('DELETE', url)));
    // The last of them may come when it is over already; none is accepted and lost.
    expect(answers[0]?.status).toBe(202);
    expect(answers.every(({ status }) => status === 202 || status === 409)).toBe(true);
    const { requests } = await handle.outcome;
    expect(requests).toHaveLength(answers.filter(({ status }) => status === 202).length);
    await watcher.closed.promise;
    expect(watcher.types.filter((type) => type === 'cancelled')).toHaveLength(1);
  });
});

/** Open connections to an application, but for those that fetch keeps for its next request. */
async function connectionsOf(app: TaskApp): Promise<number> {
  const server = app.app.getHttpServer() as Server;
  server.closeIdleConnections();
  return eventually(
    () =>
      new Promise<number>((resolve, reject) => {
        server.getConnections((error, count) => {
          if (error) reject(error);
          else if (count > 0) reject(new Error(`${count} connections are open`));
          else resolve(count);
        });
      }),
  );
}

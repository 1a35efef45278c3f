import { afterEach, describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import {
  CancelledError,
  InvalidInputError,
  ScopeTimeoutError,
  StreamTask,
  type TaskContext,
  type TaskHandler,
  TaskTimeoutError,
} from 'nestjs-streaming';
import { z } from 'zod';
import { type HarnessRun, taskHarness } from '../../lib/testing/index.js';

const hour = 3_600_000;

@Injectable()
class Mailer {
  readonly sent: string[] = [];

  send(to: string): void {
    this.sent.push(to);
  }
}

@StreamTask({ timeout: 48 * hour, input: z.object({ to: z.string(), after: z.number() }) })
class ReminderTask implements TaskHandler<{ to: string; after: number }, string> {
  constructor(private readonly mailer: Mailer) {}

  async process(task: TaskContext<{ to: string; after: number }>): Promise<string> {
    void task.progress({ message: 'waiting' });
    await task.sleep(task.input.after);
    this.mailer.send(task.input.to);
    return 'reminded';
  }
}

@StreamTask({ attempts: 3, backoff: (attempt) => attempt * hour, grace: hour })
class StubbornTask implements TaskHandler<{ fail?: number; ignore?: boolean; quick?: boolean }, number> {
  async process(task: TaskContext<{ fail?: number; ignore?: boolean; quick?: boolean }>): Promise<number> {
    if (task.attempt <= (task.input.fail ?? 0)) throw new Error(`try ${task.attempt}`);
    if (task.input.ignore) await new Promise(() => {});
    if (task.input.quick) await task.timeout(hour, (scope) => scope.sleep(2 * hour));
    return Number(await task.waitForSignal<string>('answer'));
  }
}

@StreamTask({ attempts: 2, resumable: true })
class ImportTask implements TaskHandler<{ rows: number }, { first: number }> {
  async process(task: TaskContext<{ rows: number }>): Promise<{ first: number }> {
    const first = (task.checkpoint as number | null) ?? 0;
    for (let row = first; row < task.input.rows; row++) {
      if (row === 2 && task.attempt === 1) throw new Error('The database is busy');
      await task.saveCheckpoint(row + 1);
    }
    return { first };
  }
}

describe('taskHarness', () => {
  const reminders = taskHarness(ReminderTask, { providers: [Mailer] });
  const stubborn = taskHarness(StubbornTask);
  const imports = taskHarness(ImportTask);

  afterEach(async () => {
    await reminders.close();
    await stubborn.close();
    await imports.close();
  });

  it('lets hours pass in no time, and records every event', async () => {
    const run = await reminders.start({ to: 'ada', after: 2 * hour });
    expect(run.eventTypes).toEqual(['started', 'progress']);
    await run.advance(2 * hour - 1);
    expect(run.status).toBe('running');
    await run.advance(1);
    await expect(run.result).resolves.toBe('reminded');
    expect(run.eventTypes).toEqual(['started', 'progress', 'completed']);
    expect((await reminders.get(Mailer)).sent).toEqual(['ada']);
    expect((await run.outcome).durationMs).toBe(2 * hour);
  });

  it('times out at the task’s own limit', async () => {
    const run = await reminders.start({ to: 'ada', after: 100 * hour });
    await run.advance(48 * hour);
    await expect(run.result).rejects.toBeInstanceOf(TaskTimeoutError);
    expect(run.eventTypes.at(-1)).toBe('timeout');
  });

  it('checks the input as the application does', async () => {
    await expect(reminders.start({ to: 'ada' } as never)).rejects.toBeInstanceOf(InvalidInputError);
  });

  it('waits for the backoff between tries', async () => {
    const run = await stubborn.start({ fail: 2 });
    expect(run.eventTypes).toEqual(['started', 'retrying']);
    await run.advance(hour);
    expect(run.eventTypes).toEqual(['started', 'retrying', 'started', 'retrying']);
    await run.advance(hour);
    expect(run.eventTypes).toHaveLength(4);
    await run.advance(hour);
    expect(await run.signal('answer', '42')).toBe(true);
    await expect(run.result).resolves.toBe(42);
  });

  it('starts a task with a delay on its own clock', async () => {
    const run = await reminders.start({ to: 'ada', after: hour }, { delay: 3 * hour, priority: 1 });
    await run.advance(3 * hour - 1);
    expect([run.status, run.eventTypes]).toEqual(['pending', []]);
    await run.advance(1);
    expect(run.status).toBe('running');
    expect((await run.finish()).durationMs).toBe(hour);
    const delayed = await reminders.start({ to: 'ada', after: hour }, { delay: 3 * hour });
    expect(await delayed.finish()).toMatchObject({ status: 'completed', durationMs: hour });
  });

  it('shows the newest checkpoint, and starts from one', async () => {
    const run = await imports.start({ rows: 4 });
    expect(run.checkpoint).toBe(2);
    await run.advance(1_000);
    expect(await run.result).toEqual({ first: 2 });
    expect(run.checkpoint).toBeNull();
    const resumed = await imports.start({ rows: 4 }, { checkpoint: 3 });
    expect(await resumed.result).toEqual({ first: 3 });
    await expect(imports.start({ rows: 4 }, { checkpoint: 1n as never })).rejects.toThrow(
      'JSON cannot hold a BigInt',
    );
  });

  it('cancels, and abandons a handler that ignores it when the grace is over', async () => {
    const run = await stubborn.start({ ignore: true });
    expect(await run.cancel({ detail: 'enough' })).toBe(true);
    await run.advance(hour - 1);
    expect(run.status).toBe('cancelling');
    await run.advance(1);
    expect(await run.outcome).toMatchObject({ status: 'cancelled', abandoned: true });
    await expect(run.result).rejects.toBeInstanceOf(CancelledError);
  });

  it('waits in real time for an event, and says when none came', async () => {
    const run = await stubborn.start({ fail: 1 });
    expect(await run.waitForEvent('retrying')).toMatchObject({ data: { attempt: 2 } });
    const ready = run.waitForEvent('completed');
    const never = expect(run.waitForEvent('progress')).rejects.toThrow(
      'without an event "progress"; it sent started, retrying, started, completed',
    );
    await run.advance(hour);
    await run.signal('answer', '7');
    expect(await ready).toMatchObject({ data: { finalValue: 7 } });
    await never;
  });

  it('drives the time of scopes too', async () => {
    const run: HarnessRun<number> = await stubborn.start({ quick: true, fail: 0 });
    for (let attempt = 1; attempt <= 3; attempt++) await run.advance(4 * hour);
    expect((await run.outcome).error).toBeInstanceOf(ScopeTimeoutError);
  });

  it('closes with a task still running, whatever time its cleanup wants', async () => {
    const run = await stubborn.start({ ignore: true });
    await stubborn.close();
    expect(run.status).toBe('cancelled');
  });
});

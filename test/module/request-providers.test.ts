import { describe, expect, test } from '@jest/globals';
import { Inject, Injectable, Scope } from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import { StreamTask, type TaskContext } from 'nestjs-streaming';
import { collect, createTaskApp } from '../support/app.js';

/** What a handler works with: the context is injected, as in the services of a web application. */
@Injectable({ scope: Scope.REQUEST })
class Audit {
  constructor(@Inject(REQUEST) readonly task: TaskContext) {}

  open(): void {
    this.task.defer(() => this.task.sendEvent('closed', this.task.attempt));
    void this.task.sendEvent('opened', this.task.attempt);
  }
}

@StreamTask({ app: 'a', attempts: 2, backoff: 0 })
class ReportTask {
  constructor(private readonly audit: Audit) {}

  async process({ attempt, input }: TaskContext<{ wait: boolean }>) {
    this.audit.open();
    if (attempt === 1) throw new Error('once');
    if (input.wait) await this.audit.task.sleep(60_000);
    return this.audit.task.attempt;
  }
}

describe('the context that a request-scoped provider injects is that of the try', () => {
  const start = async (input: { wait: boolean }) => {
    const { coordinator } = await createTaskApp({ tasks: [ReportTask], providers: [Audit], listen: false });
    const handle = await coordinator.start(ReportTask, input);
    return { handle, events: collect(handle.events()) };
  };

  test('its events arrive, and its clean-up runs, in each try', async () => {
    const { handle, events } = await start({ wait: false });
    expect(await handle.result).toBe(2);
    const own = (await events.done).filter(({ type }) => type === 'opened' || type === 'closed');
    expect(own.map(({ type, data }) => [type, data])).toEqual([
      ['opened', 1],
      ['closed', 1],
      ['opened', 2],
      ['closed', 2],
    ]);
  });

  test('it sees a cancellation in the second try', async () => {
    const { handle, events } = await start({ wait: true });
    await events.until(({ type, data }) => type === 'opened' && data === 2);
    await handle.cancel({ wait: 'settled' });
    expect(await handle.outcome).toMatchObject({ status: 'cancelled', swallowed: false, abandoned: false });
  });
});

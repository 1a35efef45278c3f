import { describe, expect, jest, test } from '@jest/globals';
import { Module, type Type } from '@nestjs/common';
import type { TaskHandler } from 'nestjs-streaming';
import { createTaskApp } from '../../support/app.js';
import { eventually } from '../../support/wait.js';
import { page } from '../support/documents.js';
import { Examples } from '../support/examples.js';

type TaskType = Type<TaskHandler>;

interface ReportsService {
  start(month: string, owner: string): Promise<{ id: string; created: boolean }>;
  render(month: string): Promise<string>;
  cancel(month: string): Promise<boolean>;
}

describe('the page on the coordinator', () => {
  const examples = new Examples(page('coordinator'));
  const load = <T>(file: string): Promise<T> => examples.load<T>(file);

  test('a service that starts, watches and cancels', async () => {
    const { ReportTask } = await load<{ ReportTask: TaskType }>('report.task.ts');
    const { ReportsService } = await load<{ ReportsService: Type<ReportsService> }>('reports.service.ts');
    const log = jest.spyOn(console, 'log').mockReturnValue();
    @Module({ providers: [ReportTask, ReportsService] })
    class ReportsModule {}
    const { app, coordinator } = await createTaskApp({
      imports: [ReportsModule],
      listen: false,
    });
    const reports = app.get<ReportsService>(ReportsService, { strict: false });
    expect(await reports.render('2026-11')).toBe('/reports/2026-11.pdf');
    expect(log.mock.calls.at(-1)).toEqual(['completed', { finalValue: { url: '/reports/2026-11.pdf' } }]);
    log.mockRestore();

    expect(await reports.start('2026-10', 'ann')).toEqual({ id: '2026-10', created: true });
    expect(await reports.start('2026-10', 'bob')).toEqual({ id: '2026-10', created: false });
    expect(await reports.cancel('2026-10')).toBe(true);
    expect(await coordinator.get({ app: 'reports', name: 'ReportTask', id: '2026-10' })).toMatchObject({
      owner: 'ann',
      status: 'cancelled',
      cancellation: { kind: 'external', detail: 'not needed', by: 'admin' },
    });
  });

  test('a provider that is called with events', async () => {
    const { ReportTask } = await load<{ ReportTask: TaskType }>('report.task.ts');
    const { AuditService } = await load<{ AuditService: Type<{ lines: string[] }> }>('audit.service.ts');
    const { app, coordinator } = await createTaskApp({
      tasks: [ReportTask],
      providers: [AuditService],
      listen: false,
    });
    const { id, outcome } = await coordinator.start(ReportTask, { month: '2026-11' }, { owner: 'ann' });
    await outcome;
    const { lines } = app.get<{ lines: string[] }>(AuditService);
    await eventually(() => expect(lines).toEqual([`ann: report ${id} completed`]));
  });
});

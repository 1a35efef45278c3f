import { afterEach, describe, expect, test } from '@jest/globals';
import { Inject, Injectable, type Provider, Scope } from '@nestjs/common';
import { type ContextId, ContextIdFactory, type ContextIdStrategy, REQUEST } from '@nestjs/core';
import { StreamTask, type TaskContext } from 'nestjs-streaming';
import { createTaskApp, type TaskApp } from '../support/app.js';

/** Nest has one strategy for the whole process. */
function useStrategy(strategy: ContextIdStrategy | undefined): void {
  ContextIdFactory.apply(strategy as ContextIdStrategy);
}

afterEach(() => useStrategy(undefined));

interface Tenant {
  readonly tenant: string;
}

/** Providers that are durable live once for each owner of tasks. */
class ByOwner implements ContextIdStrategy<TaskContext> {
  readonly asked: TaskContext[] = [];
  readonly #tenants = new Map<string, ContextId>();

  attach(contextId: ContextId, request: TaskContext) {
    this.asked.push(request);
    const tenant = request.owner ?? 'nobody';
    const parent = this.#tenants.get(tenant) ?? ContextIdFactory.create();
    this.#tenants.set(tenant, parent);
    return {
      resolve: (info: { isTreeDurable: boolean }) => (info.isTreeDurable ? parent : contextId),
      payload: { tenant, key: 'of the strategy' },
    };
  }
}

let made = 0;

@Injectable({ scope: Scope.REQUEST, durable: true })
class Connection {
  readonly number = ++made;
}

@Injectable({ scope: Scope.REQUEST })
class Audit {
  constructor(@Inject(REQUEST) readonly request: TaskContext & Tenant) {}
}

@StreamTask({ app: 'a' })
class ReportTask {
  constructor(
    private readonly connection: Connection,
    private readonly audit: Audit,
  ) {}

  process(task: TaskContext) {
    const { request } = this.audit;
    return {
      connection: this.connection.number,
      isOwnContext: request === task,
      tenant: request.tenant,
      key: request.key,
    };
  }
}

function appWith(...providers: Provider[]): Promise<TaskApp> {
  made = 0;
  return createTaskApp({ providers: [Connection, Audit, ...providers], listen: false });
}

async function report({ coordinator }: TaskApp, owner: string) {
  return (await coordinator.start(ReportTask, {}, { owner })).result;
}

describe('a strategy of ContextIdFactory', () => {
  test('is asked with the context of the task, and its durable providers live as it says', async () => {
    const strategy = new ByOwner();
    useStrategy(strategy);
    const app = await appWith(ReportTask);
    const reports = [
      await report(app, 'ann'),
      await report(app, 'ann'),
      await report(app, 'bob'),
      await report(app, 'ann'),
    ];
    expect(reports.map(({ connection }) => connection)).toEqual([1, 1, 2, 1]);
    expect(strategy.asked.map(({ owner, name }) => [owner, name])).toEqual([
      ['ann', 'ReportTask'],
      ['ann', 'ReportTask'],
      ['bob', 'ReportTask'],
      ['ann', 'ReportTask'],
    ]);
  });

  test('adds its payload to the context, where providers of each try find it; the rest of the context stays', async () => {
    useStrategy(new ByOwner());
    const app = await appWith(ReportTask);
    const { isOwnContext, tenant, key } = await report(app, 'ann');
    expect({ isOwnContext, tenant }).toEqual({ isOwnContext: true, tenant: 'ann' });
    expect(key).toMatch(/^a:ReportTask:/);
  });

  test('that throws fails the task', async () => {
    useStrategy({
      attach() {
        throw new Error('no tenant');
      },
    });
    const { coordinator } = await appWith(ReportTask);
    await expect((await coordinator.start(ReportTask, {})).outcome).resolves.toMatchObject({
      status: 'failed',
      error: { message: 'no tenant' },
    });
  });

  test('is not asked for a handler of which there is one', async () => {
    const strategy = new ByOwner();
    useStrategy(strategy);
    @StreamTask({ app: 'a' })
    class SingleTask {
      process() {
        return 'done';
      }
    }
    const { coordinator } = await appWith(SingleTask);
    await expect((await coordinator.start(SingleTask, {})).result).resolves.toBe('done');
    expect(strategy.asked).toEqual([]);
  });
});

test('without a strategy durable providers are made for each try, as any other', async () => {
  const app = await appWith(ReportTask);
  expect([(await report(app, 'ann')).connection, (await report(app, 'ann')).connection]).toEqual([1, 2]);
});

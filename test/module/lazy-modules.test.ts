import { describe, expect, test } from '@jest/globals';
import { type DynamicModule, Injectable, Module, Scope, type Type } from '@nestjs/common';
import { LazyModuleLoader } from '@nestjs/core';
import {
  InvalidOptionsError,
  InvalidTaskTypeError,
  StreamTask,
  type TaskContext,
  TaskTypeConflictError,
  TaskTypeNotFoundError,
} from 'nestjs-streaming';
import { createTaskApp, handlerTask, type TaskApp } from '../support/app.js';
import { call } from '../support/clients/http-client.js';
import { deferred } from '../support/wait.js';

@StreamTask()
class ReportTask {
  async process(task: TaskContext<{ month: string }>) {
    return `${task.app}: ${task.input.month}`;
  }
}

@Module({ providers: [ReportTask] })
class ReportsModule {}

function load({ app }: TaskApp, module: Type | DynamicModule): Promise<unknown> {
  return app.get(LazyModuleLoader).load(() => module);
}

describe('a task type of a module that is loaded lazily', () => {
  test('is found by its class and by its name, once it is loaded', async () => {
    const app = await createTaskApp({ listen: false });
    await expect(app.coordinator.start(ReportTask, { month: 'May' })).rejects.toThrow(TaskTypeNotFoundError);
    await load(app, ReportsModule);
    const byClass = await app.coordinator.start(ReportTask, { month: 'May' });
    await expect(byClass.result).resolves.toBe('reports: May');
    const byName = await app.coordinator.start({ app: 'reports', name: 'ReportTask' }, { month: 'June' });
    await expect(byName.result).resolves.toBe('reports: June');
  });

  test('is found over HTTP', async () => {
    const app = await createTaskApp({ options: { http: { start: true } } });
    const start = () => call('PUT', `${app.url}/reports/ReportTask/1`, { json: { month: 'May' } });
    expect((await start()).status).toBe(404);
    await load(app, ReportsModule);
    expect((await start()).status).toBe(201);
  });

  test('is found in a module that the loaded one imports', async () => {
    @Module({ imports: [ReportsModule] })
    class OuterModule {}
    const app = await createTaskApp({ listen: false });
    await load(app, OuterModule);
    await expect((await app.coordinator.start(ReportTask, { month: 'May' })).result).resolves.toBe(
      'reports: May',
    );
  });

  test('is registered once, however often and by how many it is loaded', async () => {
    @Module({ imports: [ReportsModule] })
    class OuterModule {}
    const app = await createTaskApp({ listen: false });
    await Promise.all([load(app, ReportsModule), load(app, OuterModule), load(app, ReportsModule)]);
    await load(app, ReportsModule);
    await expect((await app.coordinator.start(ReportTask, { month: 'May' })).result).resolves.toBe(
      'reports: May',
    );
  });

  test('is named in the log', async () => {
    const app = await createTaskApp({ listen: false });
    await load(app, ReportsModule);
    expect(app.logs.lines).toContainEqual(
      expect.objectContaining({ level: 'log', text: 'Task types: reports/ReportTask' }),
    );
  });

  test('is found when it is loaded while the application starts', async () => {
    @Injectable()
    class Preloader {
      constructor(private readonly loader: LazyModuleLoader) {}
      async onModuleInit() {
        await this.loader.load(() => ReportsModule);
      }
    }
    const { coordinator } = await createTaskApp({ providers: [Preloader], listen: false });
    await expect((await coordinator.start(ReportTask, { month: 'May' })).result).resolves.toBe(
      'reports: May',
    );
  });

  test('has handlers made for each try, where it is request-scoped', async () => {
    @StreamTask()
    @Injectable({ scope: Scope.REQUEST })
    class ScopedTask {
      async process() {
        return 'scoped';
      }
    }
    @Module({ providers: [ScopedTask] })
    class ScopedModule {}
    const app = await createTaskApp({ listen: false });
    await load(app, ScopedModule);
    await expect((await app.coordinator.start(ScopedTask, {})).result).resolves.toBe('scoped');
  });
});

@Module({})
class BadModule {}

@StreamTask({ app: 'a', name: 'b' })
class Idle {
  readonly note = 'nothing to run';
}

describe('what would stop the start of the application fails the load', () => {
  test.each<[string, Type, new (...given: never[]) => Error, string]>([
    [
      'a name that is taken',
      handlerTask(() => null, { app: 'taken', name: 'name' }),
      TaskTypeConflictError,
      'Two task types are called taken/name',
    ],
    [
      'a wrong option',
      handlerTask(() => null, { app: 'a', name: 'b', grace: -1 }),
      InvalidOptionsError,
      'Wrong option "grace" in @StreamTask() of FunctionHandler',
    ],
    [
      'a class without process()',
      Idle,
      InvalidTaskTypeError,
      'is decorated with @StreamTask() and has no process() method',
    ],
  ])('%s', async (_, task, type, message) => {
    const Taken = handlerTask(() => 'first', { app: 'taken', name: 'name' });
    const app = await createTaskApp({ tasks: [Taken], listen: false });
    const loading = load(app, { module: BadModule, providers: [task] });
    await expect(loading).rejects.toThrow(type);
    await expect(loading).rejects.toThrow(message);

    await expect(load(app, ReportsModule)).resolves.toBeDefined();
    await expect((await app.coordinator.start(Taken, {})).result).resolves.toBe('first');
  });
});

test('the tasks of a module that is loaded lazily end before what they use of other modules', async () => {
  const order: string[] = [];
  @Injectable()
  class Connection {
    onModuleDestroy() {
      order.push('connection closed');
    }
  }
  @Module({ providers: [Connection], exports: [Connection] })
  class ConnectionModule {}
  const running = deferred();
  @StreamTask()
  class LazyTask {
    constructor(readonly connection: Connection) {}
    async process(task: TaskContext) {
      running.resolve();
      try {
        await task.sleep(60_000);
      } finally {
        await task.shield((scope) => scope.sleep(20));
        order.push('cleaned up');
      }
    }
  }
  @Module({ imports: [ConnectionModule], providers: [LazyTask] })
  class LazyModule {}
  const app = await createTaskApp({ imports: [ConnectionModule], listen: false });
  await load(app, LazyModule);
  await app.coordinator.start(LazyTask, {});
  await running.promise;
  await app.app.close();
  expect(order).toEqual(['cleaned up', 'connection closed']);
});

import { describe, expect, test } from '@jest/globals';
import { forwardRef, Inject, Injectable, Module, type Provider, Scope, type Type } from '@nestjs/common';
import { StreamTask, type TaskContext, type TaskHandler } from 'nestjs-streaming';
import { createTaskApp } from '../support/app.js';
import { deferred } from '../support/wait.js';

let order: string[] = [];
let running = deferred();

/** What handlers use: its end is noted. */
class Closing {
  onModuleDestroy() {
    order.push('closed');
  }
}

abstract class LongTask implements TaskHandler {
  async process(task: TaskContext): Promise<void> {
    running.resolve();
    try {
      await task.sleep(60_000);
    } finally {
      await task.shield((scope) => scope.sleep(30));
      order.push('cleaned up');
    }
  }
}

async function orderOfEnd(task: Type<TaskHandler>, providers: Provider[], imports: Type[] = []) {
  order = [];
  running = deferred();
  const { app, coordinator } = await createTaskApp({ tasks: [task], providers, imports, listen: false });
  await coordinator.start(task, {});
  await running.promise;
  await app.close();
  return order;
}

/** Nest 11 runs the hooks of one module side by side, and knows less of what is made for each request. */
describe('what a handler uses is closed after its cleanup', () => {
  @Injectable()
  class Connection extends Closing {}

  @Injectable()
  class Service {
    constructor(@Inject(forwardRef(() => Connection)) readonly connection: Connection) {}
  }

  test('what it injects, in its own module', async () => {
    @StreamTask({ app: 'a' })
    class DirectTask extends LongTask {
      constructor(readonly connection: Connection) {
        super();
      }
    }
    expect(await orderOfEnd(DirectTask, [Connection])).toEqual(['cleaned up', 'closed']);
  });

  test.each([Scope.DEFAULT, Scope.REQUEST, Scope.TRANSIENT])(
    'what that injects in turn, by forwardRef() and for a property (scope %s)',
    async (scope) => {
      @StreamTask({ app: 'a' })
      @Injectable({ scope })
      class PropertyTask extends LongTask {
        @Inject(Service)
        readonly service!: Service;
      }
      expect(await orderOfEnd(PropertyTask, [Service, Connection])).toEqual(['cleaned up', 'closed']);
    },
  );

  test.each([Scope.DEFAULT, Scope.REQUEST])('what a factory injects (scope %s)', async (scope) => {
    @StreamTask({ app: 'a' })
    @Injectable({ scope })
    class FactoryTask extends LongTask {
      constructor(@Inject('SERVICE') readonly service: unknown) {
        super();
      }
    }
    const factory = {
      provide: 'SERVICE',
      inject: [{ token: Connection, optional: true }],
      useFactory: (connection: Connection) => ({ connection }),
    };
    expect(await orderOfEnd(FactoryTask, [factory, Connection])).toEqual(['cleaned up', 'closed']);
  });

  test.each([Scope.DEFAULT, Scope.REQUEST])(
    'what the module that provides it closes (scope %s)',
    async (scope) => {
      @Module({ providers: [{ provide: 'POOL', useValue: {} }], exports: ['POOL'] })
      class PoolModule extends Closing {}

      @StreamTask({ app: 'a' })
      @Injectable({ scope })
      class PoolTask extends LongTask {
        constructor(@Inject('POOL') readonly pool: unknown) {
          super();
        }
      }
      expect(await orderOfEnd(PoolTask, [], [PoolModule])).toEqual(['cleaned up', 'closed']);
    },
  );
});

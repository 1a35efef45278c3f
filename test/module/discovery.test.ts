import { describe, expect, jest, test } from '@jest/globals';
import { Inject, Injectable, Module, type Provider, Scope, type Type } from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import {
  CoordinatorService,
  InvalidTaskTypeError,
  StreamingModule,
  StreamTask,
  TaskContext,
  TaskTypeConflictError,
  TaskTypeNotFoundError,
} from 'nestjs-streaming';
import { createTaskApp, handlerTask, type TaskApp } from '../support/app.js';

/** An application of which the given providers are in a module called `name`. */
function appWith(providers: Provider[], name = 'VideoToolsModule'): Promise<TaskApp> {
  return createTaskApp({ imports: [moduleOf(providers, name)], listen: false });
}

function moduleOf(providers: Provider[], name: string): Type {
  @Module({ providers })
  class NamedModule {}
  Object.defineProperty(NamedModule, 'name', { value: name });
  return NamedModule;
}

@StreamTask()
class EchoTask {
  async process(task: TaskContext<{ text: string }>) {
    return `${task.app}/${task.name}: ${task.input.text}`;
  }
}

const video = { app: 'video-tools', name: 'EchoTask' };

async function echo({ coordinator }: TaskApp, type: { app: string; name: string } = video): Promise<unknown> {
  return (await coordinator.start(type, { text: 'hi' })).result;
}

describe('the log says at start', () => {
  const said = ({ logs }: TaskApp): string[] =>
    logs.lines.flatMap(({ level, context, text }) =>
      level === 'log' && context === 'Streaming' && /task type/i.test(text) ? [text] : [],
    );

  test('which task types were found', async () => {
    const [Late, Early] = [
      handlerTask(() => null, { name: 'late' }),
      handlerTask(() => null, { name: 'early' }),
    ];
    const app = await createTaskApp({
      tasks: [Late, Early],
      imports: [moduleOf([EchoTask], 'AudioModule')],
      listen: false,
    });
    expect(said(app)).toEqual(['Task types: audio/EchoTask, test/early, test/late']);
  });

  test('that there is none', async () => {
    const app = await createTaskApp({ listen: false });
    expect(said(app)).toEqual(['No task type was found: decorate a provider with @StreamTask()']);
  });
});

describe('a task type is found', () => {
  test.each<[string, Provider]>([
    ['as a class', EchoTask],
    ['by useClass', { provide: 'echo', useClass: EchoTask }],
    ['by a factory', { provide: 'echo', useFactory: () => new EchoTask() }],
    ['by an asynchronous factory', { provide: 'echo', useFactory: async () => new EchoTask() }],
    ['as a value', { provide: 'echo', useValue: new EchoTask() }],
  ])('%s', async (_, provider) => {
    const app = await appWith([provider]);
    await expect(echo(app)).resolves.toBe('video-tools/EchoTask: hi');
    const handle = await app.coordinator.start(EchoTask, { text: 'class' });
    await expect(handle.result).resolves.toBe('video-tools/EchoTask: class');
  });

  test('once, however many aliases it has', async () => {
    const app = await appWith([EchoTask, { provide: 'alias', useExisting: EchoTask }]);
    await expect(echo(app)).resolves.toBe('video-tools/EchoTask: hi');
  });

  test('with what it injects', async () => {
    @StreamTask()
    class GreetTask {
      constructor(@Inject('GREETING') private readonly greeting: string) {}

      async process(task: TaskContext<string>) {
        return `${this.greeting} ${task.input}`;
      }
    }
    const { coordinator } = await appWith([GreetTask, { provide: 'GREETING', useValue: 'Hello' }]);
    await expect((await coordinator.start(GreetTask, 'Ann')).result).resolves.toBe('Hello Ann');
  });

  test('a class that inherits process()', async () => {
    @StreamTask()
    class LoudTask extends EchoTask {}
    const { coordinator } = await appWith([LoudTask]);
    await expect((await coordinator.start(LoudTask, { text: '!' })).result).resolves.toBe(
      'video-tools/LoudTask: !',
    );
  });

  test('not by the class alone: it must be provided', async () => {
    const { coordinator } = await appWith([]);
    await expect(coordinator.start(EchoTask, { text: '' })).rejects.toThrow(TaskTypeNotFoundError);
    await expect(coordinator.start(video, {})).rejects.toThrow(
      "There is no task type video-tools/EchoTask: decorate the class with @StreamTask() and list it in a module's providers; types are known once the application is initialised",
    );
  });

  test('a stand-in given to overrideProvider() is still the task type', async () => {
    @Module({ imports: [StreamingModule.forRoot()], providers: [EchoTask] })
    class AppModule {}
    const testing = await Test.createTestingModule({ imports: [AppModule] })
      .overrideProvider(EchoTask)
      .useValue({ process: async () => 'stand-in' })
      .compile();
    await testing.init();
    const handle = await testing.get(CoordinatorService).start(EchoTask, { text: '' });
    await expect(handle.result).resolves.toBe('stand-in');
    await testing.close();
  });
});

describe('what a task type is called', () => {
  test.each([
    ['VideoToolsModule', 'video-tools'],
    ['HTTPServerModule', 'http-server'],
    ['S3Module', 's3'],
    ['Oauth2ClientModule', 'oauth2-client'],
    ['Module', ''],
    ['Billing', 'billing'],
    ['ModuleRegistryModule', 'module-registry'],
  ])('in %s its app is "%s"', async (module, app) => {
    const starting = appWith([EchoTask], module);
    if (app === '') {
      await expect(starting).rejects.toThrow(
        '@StreamTask() of EchoTask would be called "/EchoTask", which no URL can hold; set "app" and "name"',
      );
      return;
    }
    await expect(echo(await starting, { app, name: 'EchoTask' })).resolves.toBe(`${app}/EchoTask: hi`);
  });

  test('what the decorator says, exactly so', async () => {
    @StreamTask({ app: 'Video', name: 'transcode.v2' })
    class TranscodeTask extends EchoTask {}
    const app = await appWith([TranscodeTask]);
    await expect(echo(app, { app: 'Video', name: 'transcode.v2' })).resolves.toBe('Video/transcode.v2: hi');
    await expect(echo(app, { app: 'video', name: 'transcode.v2' })).rejects.toThrow(TaskTypeNotFoundError);
  });
});

describe('two task types of one name stop the start', () => {
  test('two classes', async () => {
    @StreamTask({ name: 'EchoTask' })
    class OtherTask extends EchoTask {}
    const starting = appWith([EchoTask, OtherTask]);
    await expect(starting).rejects.toThrow(TaskTypeConflictError);
    await expect(starting).rejects.toThrow(
      'Two task types are called video-tools/EchoTask; give one of them another "app" or "name" in @StreamTask()',
    );
  });

  test('one class, provided twice in one module', async () => {
    await expect(appWith([EchoTask, { provide: 'again', useClass: EchoTask }])).rejects.toThrow(
      TaskTypeConflictError,
    );
  });

  test('a class that two modules provide is two task types, told apart by { app, name }', async () => {
    const app = await createTaskApp({
      imports: [moduleOf([EchoTask], 'AudioModule'), moduleOf([EchoTask], 'VideoModule')],
      listen: false,
    });
    await expect(echo(app, { app: 'audio', name: 'EchoTask' })).resolves.toBe('audio/EchoTask: hi');
    await expect(echo(app, { app: 'video', name: 'EchoTask' })).resolves.toBe('video/EchoTask: hi');
    await expect(app.coordinator.start(EchoTask, { text: '' })).rejects.toThrow(
      'EchoTask is audio/EchoTask and video/EchoTask; start it by { app, name }',
    );
  });
});

describe('a class that cannot be run stops the start', () => {
  @StreamTask()
  class Idle {}

  test.each<[string, Provider]>([
    ['a class', Idle],
    ['a value', { provide: 'idle', useValue: new Idle() }],
    ['a request-scoped one', { provide: 'idle', useClass: Idle, scope: Scope.REQUEST }],
  ])('%s without process()', async (_, provider) => {
    const starting = appWith([provider]);
    await expect(starting).rejects.toThrow(InvalidTaskTypeError);
    await expect(starting).rejects.toThrow(
      'Idle is decorated with @StreamTask() and has no process() method; add one, see TaskHandler',
    );
  });
});

describe('each run has an instance of its own', () => {
  const made = jest.fn();

  class Counted {
    readonly number: number;

    constructor() {
      made();
      this.number = made.mock.calls.length;
    }

    async process(task: TaskContext) {
      await task.yield();
      return this.number;
    }
  }

  @StreamTask()
  @Injectable({ scope: Scope.REQUEST })
  class RequestTask extends Counted {}

  @StreamTask()
  @Injectable({ scope: Scope.TRANSIENT })
  class TransientTask extends Counted {}

  @Injectable({ scope: Scope.REQUEST })
  class Scoped {}

  @StreamTask()
  class DependentTask extends Counted {
    constructor(readonly scoped: Scoped) {
      super();
    }
  }

  test.each<[string, Type<Counted>, Provider[]]>([
    ['of a request-scoped class', RequestTask, []],
    ['of a transient class', TransientTask, []],
    ['of a class that injects something request-scoped', DependentTask, [Scoped]],
  ])('%s', async (_, type, providers) => {
    const { coordinator } = await appWith([type, ...providers]);
    made.mockClear();
    const runs = await Promise.all([1, 2, 3].map(() => coordinator.start(type, {})));
    const numbers = await Promise.all(runs.map(({ result }) => result));
    expect(new Set(numbers)).toEqual(new Set([1, 2, 3]));
    expect(made).toHaveBeenCalledTimes(3);
  });

  test('of a request-scoped factory', async () => {
    const factory = {
      provide: RequestTask,
      scope: Scope.REQUEST,
      inject: [REQUEST],
      useFactory: () => new RequestTask(),
    };
    const { coordinator } = await appWith([factory]);
    made.mockClear();
    const runs = await Promise.all([1, 2].map(() => coordinator.start(RequestTask, {})));
    // Which of them is made first is Nest's to say.
    expect(new Set(await Promise.all(runs.map(({ result }) => result)))).toEqual(new Set([1, 2]));
  });

  test('@Inject(REQUEST) gives the context of the run, deep down too', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class Audit {
      constructor(@Inject(REQUEST) readonly task: TaskContext) {}
    }
    @StreamTask()
    class AuditedTask {
      constructor(private readonly audit: Audit) {}

      async process(task: TaskContext) {
        return this.audit.task === task && task === TaskContext.current() ? task.id : 'another';
      }
    }
    const { coordinator } = await appWith([AuditedTask, Audit]);
    const runs = await Promise.all(['a', 'b'].map((id) => coordinator.start(AuditedTask, {}, { id })));
    expect(await Promise.all(runs.map(({ result }) => result))).toEqual(['a', 'b']);
  });

  test('one that cannot be made fails the task, and only that', async () => {
    @StreamTask()
    @Injectable({ scope: Scope.REQUEST })
    class BrokenTask {
      constructor() {
        throw new Error('no instance today');
      }

      process() {}
    }
    const app = await appWith([BrokenTask, EchoTask]);
    const handle = await app.coordinator.start(BrokenTask, {});
    await expect(handle.outcome).resolves.toMatchObject({
      status: 'failed',
      error: { message: 'no instance today' },
    });
    await expect(echo(app)).resolves.toBe('video-tools/EchoTask: hi');
  });
});

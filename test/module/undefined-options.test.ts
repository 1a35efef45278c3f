import { describe, expect, test } from '@jest/globals';
import type { DynamicModule } from '@nestjs/common';
import { StreamingModule } from 'nestjs-streaming';
import { createTaskApp, handlerTask } from '../support/app.js';
import { optionsOf } from './support.js';

describe('an option that is undefined counts as not given', () => {
  // As settings that were not found give it.
  const nothing = (...names: string[]): object => Object.fromEntries(names.map((name) => [name, undefined]));
  const routes = nothing('path', 'start', 'list', 'guards', 'interceptors', 'decorators');

  test.each<[string, () => DynamicModule]>([
    [
      'forRoot()',
      () => StreamingModule.forRoot(nothing('tasks', 'http', 'imports', 'authorize', 'isCancellation')),
    ],
    [
      'forRoot({ http })',
      () => StreamingModule.forRoot({ http: { ...routes, ...nothing('controller', 'owner') } }),
    ],
    [
      'forRoot({ http }), where there is no controller',
      () => StreamingModule.forRoot({ http: { ...routes, controller: false } }),
    ],
    [
      'forRootAsync()',
      () =>
        StreamingModule.forRootAsync({
          ...nothing('useClass', 'useExisting', 'inject', 'imports', 'extraProviders', 'http'),
          ...nothing('provideInjectionTokensFrom'),
          useFactory: () => ({}),
        }),
    ],
    [
      'the factory of forRootAsync()',
      () =>
        StreamingModule.forRootAsync({
          useFactory: () => ({
            ...nothing('imports', 'tasks'),
            http: { ...routes, ...nothing('controller') },
          }),
        }),
    ],
  ])('in %s', async (_, streaming) => {
    expect((await optionsOf(streaming())).http.path).toBe('stream');
  });

  test('in start(), cancelTask(), list() and shutdown()', async () => {
    const Task = handlerTask((task) => task.sleep(60_000), { name: 'x' });
    const { coordinator } = await createTaskApp({ tasks: [Task], listen: false });
    const start = nothing('id', 'timeout', 'grace', 'owner', 'metadata', 'signal', 'restart');
    const { ref, created } = await coordinator.start(Task, {}, start);
    expect(created).toBe(true);
    const filter = nothing('app', 'name', 'status', 'owner', 'limit', 'cursor');
    expect((await coordinator.list(filter)).items).toMatchObject([ref]);
    const cancel = { ...nothing('detail', 'by', 'grace'), wait: 'settled' as const };
    expect(await coordinator.cancelTask(ref, cancel)).toBe(true);
    expect(await coordinator.shutdown(nothing('drain', 'timeout'))).toMatchObject({ cancelled: 0 });
  });

  test('in @StreamTask()', async () => {
    const Task = handlerTask(() => 'done', {
      ...nothing('app', 'input', 'timeout', 'grace', 'attempts', 'backoff', 'replay', 'maxEventBytes'),
      name: 'x',
    });
    const { coordinator } = await createTaskApp({ tasks: [Task], listen: false });
    await expect((await coordinator.start(Task, {})).result).resolves.toBe('done');
  });

  test('and does not hide what the factory gives', async () => {
    const streaming = StreamingModule.forRootAsync({
      http: nothing('heartbeat'),
      useFactory: () => ({ http: { heartbeat: 7 } }),
    });
    expect((await optionsOf(streaming)).http.heartbeat).toBe(7);
  });
});

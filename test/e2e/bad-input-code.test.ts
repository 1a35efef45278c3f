import { describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { StreamTask, type TaskContext, type TaskHandler } from 'nestjs-streaming';
import { collect, handlerTask } from '../support/app.js';
import { codeOf, createTaskApp, PuppetTask, watch } from '../support/watching.js';

describe('bad input in code', () => {
  it('an unknown type is an error with a code', async () => {
    const app = await createTaskApp({ listen: false });
    class Unknown {
      process(): void {}
    }
    expect(await codeOf(() => app.coordinator.start(Unknown, {}))).toBe('TASK_TYPE_NOT_FOUND');
    for (const name of ['none', '__proto__', '']) {
      expect(await codeOf(() => app.coordinator.start({ app: 'test', name }, {}))).toBe(
        'TASK_TYPE_NOT_FOUND',
      );
    }
  });

  it('wrong options of start are an error with a code, and start nothing', async () => {
    const task = new PuppetTask();
    const app = await createTaskApp({ tasks: [task.type], listen: false });
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    const wrong: [options: unknown, code: string][] = [
      [{ id: 1 }, 'INVALID_TASK_ID'],
      [{ id: null }, 'INVALID_TASK_ID'],
      [{ id: {} }, 'INVALID_TASK_ID'],
      [{ id: 'x'.repeat(129) }, 'INVALID_TASK_ID'],
      [{ timeout: '1' }, 'INVALID_OPTIONS'],
      [{ timeout: -1 }, 'INVALID_OPTIONS'],
      [{ timeout: NaN }, 'INVALID_OPTIONS'],
      [{ grace: Infinity }, 'INVALID_OPTIONS'],
      [{ owner: 1 }, 'INVALID_OPTIONS'],
      [{ metadata: cycle }, 'INVALID_OPTIONS'],
      [{ metadata: 1n }, 'INVALID_OPTIONS'],
      [{ signal: {} }, 'INVALID_OPTIONS'],
      [{ restart: 'yes' }, 'INVALID_OPTIONS'],
      [{ nonsense: 1 }, 'INVALID_OPTIONS'],
      [null, 'INVALID_OPTIONS'],
    ];
    for (const [options, code] of wrong) {
      expect([options, await codeOf(() => app.coordinator.start(task.type, {}, options as object))]).toEqual([
        options,
        code,
      ]);
    }
    expect((await app.coordinator.list()).items).toEqual([]);
    expect(task.calls).toBe(0);
  });

  it('no data is null, and what JSON leaves out of an object is left out', async () => {
    const task = new PuppetTask();
    const app = await createTaskApp({ tasks: [task.type], listen: false });
    const puppet = await task.start(app);
    const events = collect(puppet.handle.events());
    puppet.send('data');
    puppet.send('data', undefined);
    puppet.send('data', { a: undefined, b: [undefined, () => 1], c: new Date(0), d: NaN });
    await puppet.end();
    expect(events.events.filter(({ type }) => type === 'data').map(({ data }) => data)).toEqual([
      null,
      null,
      { b: [null, null], c: '1970-01-01T00:00:00.000Z', d: null },
    ]);
  });

  it('data JSON cannot hold is refused at the call, of an event, of progress, of a signal', async () => {
    const task = new PuppetTask();
    const app = await createTaskApp({ tasks: [task.type], listen: false });
    const puppet = await task.start(app);
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    const throws = {
      toJSON() {
        throw new Error('no');
      },
    };
    for (const data of [cycle, 1n, { deep: [1n] }, () => 1, Symbol('s'), NaN, Infinity, throws]) {
      expect(await codeOf(() => puppet.send('data', data))).toBe('INVALID_EVENT');
      expect(await codeOf(() => puppet.context.progress(data as number))).toBe('INVALID_EVENT');
      const { ref } = puppet.handle;
      expect(await codeOf(() => app.coordinator.signal(ref, 'go', data as object))).toBe('INVALID_EVENT');
    }
    expect(await puppet.handle.snapshot()).toMatchObject({ progress: null, status: 'running' });
    await puppet.end('well');
    expect(await puppet.handle.result).toBe('well');
  });

  it.each([
    ['a string', 'just text'],
    ['undefined', undefined],
    ['null', null],
    ['a number', 7],
    ['an object', { code: 'MINE' }],
  ])('a handler that throws %s fails with an error that has a code', async (_what, thrown) => {
    const type = handlerTask(() => Promise.reject(thrown as unknown));
    const app = await createTaskApp({ tasks: [type] });
    const handle = await app.coordinator.start(type, {});
    expect(await codeOf(() => handle.result)).toBe('THROWN_VALUE');
    const outcome = await handle.outcome;
    expect(outcome).toMatchObject({ status: 'failed', error: { cause: thrown } });
    const stream = await watch(`${app.url}/test/${handle.ref.name}/${handle.id}`);
    expect((await stream.next('failed')).data).toEqual({ message: 'Internal error', errorType: 'Error' });
    await stream.ended;
  });

  it('a decorated class without process stops the start', async () => {
    @StreamTask({ name: 'no-process' })
    @Injectable()
    class NoProcess {}
    await expect(createTaskApp({ tasks: [NoProcess] })).rejects.toMatchObject({
      code: 'INVALID_TASK_TYPE',
      message: expect.stringContaining('NoProcess') as unknown,
    });
  });

  it('two types of one name stop the start', async () => {
    @StreamTask({ name: 'twin' })
    class One implements TaskHandler {
      process(_task: TaskContext): void {}
    }
    @StreamTask({ name: 'twin' })
    class Two implements TaskHandler {
      process(_task: TaskContext): void {}
    }
    await expect(createTaskApp({ tasks: [One, Two] })).rejects.toMatchObject({
      code: 'TASK_TYPE_CONFLICT',
      message: expect.stringContaining('test/twin') as unknown,
    });
  });
});

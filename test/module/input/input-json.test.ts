import { describe, expect, jest, test } from '@jest/globals';
import { runInNewContext } from 'node:vm';
import { InvalidInputError, type TaskContext } from 'nestjs-streaming';
import { createTaskApp, handlerTask } from '../../support/app.js';

/** An entity of an ORM: it says itself what JSON takes of it. */
class Entity {
  readonly #fields: object;

  constructor(fields: object) {
    this.#fields = fields;
  }

  toJSON(): object {
    return { ...this.#fields };
  }
}

const epoch = new Date(0).toISOString();
const shared = { n: 1 };

function raise(): never {
  throw new Error('not loaded');
}

function throwing(): object {
  return Object.defineProperty({}, 'value', { get: raise, enumerable: true });
}

function boxed(value: unknown): unknown {
  return Object(value) as unknown;
}

function revoked(): unknown {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

describe('input without a schema', () => {
  test('without one any JSON is taken, as a copy', async () => {
    const given = { any: [{ thing: 1 }], at: new Date(0) };
    let got: unknown;
    const Task = handlerTask((task: TaskContext) => {
      got = task.input;
    });
    const { coordinator } = await createTaskApp({ tasks: [Task], listen: false });
    await (
      await coordinator.start(Task, given)
    ).result;
    expect(got).toEqual({ any: [{ thing: 1 }], at: '1970-01-01T00:00:00.000Z' });
    expect(given.at).toBeInstanceOf(Date);
  });

  test('nothing at all stays nothing', async () => {
    const Task = handlerTask((task: TaskContext) => typeof task.input);
    const { coordinator } = await createTaskApp({ tasks: [Task], listen: false });
    const handle = await coordinator.start(Task, undefined);
    expect(await handle.result).toBe('undefined');
  });

  const circle: Record<string, unknown> = {};
  circle['self'] = circle;
  test.each<[string, unknown, (string | number)[]]>([
    ['a Map', { list: [1, new Map([[1, 2]])] }, ['list', 1]],
    ['a Set', new Set([1]), []],
    ['an Error', { why: new Error('x') }, ['why']],
    ['a Promise', { later: Promise.resolve(1) }, ['later']],
    ['a RegExp', { pattern: /x/ }, ['pattern']],
    ['a function', { run: () => 1 }, ['run']],
    ['a symbol', { tag: Symbol('x') }, ['tag']],
    ['a BigInt', { count: 1n }, ['count']],
    ['NaN', { a: { b: NaN } }, ['a', 'b']],
    ['a cycle', circle, ['self']],
    ['an invalid Date', { from: new Date(NaN) }, ['from']],
    ['a DataView', { bytes: new DataView(new ArrayBuffer(2)) }, ['bytes']],
    ['NaN', { rate: boxed(NaN) }, ['rate']],
    ['NaN', { rates: new Float64Array([1, NaN]) }, ['rates', '1']],
    ['a BigInt', { count: boxed(1n) }, ['count']],
    ['a Map', new Entity({ tags: new Map([[1, 2]]) }), ['tags']],
    ['NaN', { list: [{ a: 1 }, new Entity({ rate: NaN })] }, ['list', 1, 'rate']],
    ['a function', { one: new Entity({ run: () => 1 }) }, ['one', 'run']],
    ['a Set', { one: { toJSON: () => new Set([1]) } }, ['one']],
    ['what its toJSON() gives', { one: { toJSON: () => undefined } }, ['one']],
    ['what throws when it is read', { a: 1, one: { deep: [throwing()] } }, ['one', 'deep', 0, 'value']],
    ['what throws when it is read', { one: { toJSON: raise } }, ['one']],
    ['what throws when it is read', { one: new Proxy({}, { ownKeys: raise }) }, ['one']],
    ['what throws when it is read', { one: revoked() }, ['one']],
    ['what throws when it is read', revoked(), []],
  ])('what JSON cannot hold is refused, and its place named: %s', async (what, given, path) => {
    const spy = jest.fn();
    const Task = handlerTask(spy);
    const { coordinator } = await createTaskApp({ tasks: [Task], listen: false });
    const error: unknown = await coordinator.start(Task, given).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(InvalidInputError);
    expect((error as InvalidInputError).issues).toEqual([{ message: `JSON cannot hold ${what}`, path }]);
    expect((await coordinator.list()).items).toEqual([]);
    expect(spy).not.toHaveBeenCalled();
  });

  test.each<[string, unknown, unknown]>([
    [
      'with a toJSON()',
      { one: new Entity({ a: [1, null] }), at: new Date(0) },
      { one: { a: [1, null] }, at: epoch },
    ],
    ['with properties that are undefined', { a: undefined, list: [undefined] }, { list: [null] }],
    [
      'that holds another one twice',
      [shared, shared, { shared }],
      [{ n: 1 }, { n: 1 }, { shared: { n: 1 } }],
    ],
    ['of bytes', { bytes: new Uint8Array([1, 2]) }, { bytes: { 0: 1, 1: 2 } }],
    ['of another realm', runInNewContext('({ list: [1, { a: 2 }] })'), { list: [1, { a: 2 }] }],
    [
      'with boxed values',
      { text: boxed('x'), yes: boxed(true), count: boxed(2) },
      { text: 'x', yes: true, count: 2 },
    ],
  ])('what JSON can hold is taken: a value %s', async (_what, given, expected) => {
    const Task = handlerTask((task: TaskContext) => task.input);
    const { coordinator } = await createTaskApp({ tasks: [Task], listen: false });
    const handle = await coordinator.start(Task, given);
    expect(await handle.result).toEqual(expected);
  });

  test('a getter is read once', async () => {
    const read = jest.fn(() => 1);
    const Task = handlerTask((task: TaskContext) => task.input);
    const { coordinator } = await createTaskApp({ tasks: [Task], listen: false });
    const given = Object.defineProperty({}, 'value', { get: read, enumerable: true });
    const handle = await coordinator.start(Task, given);
    expect(await handle.result).toEqual({ value: 1 });
    expect(read).toHaveBeenCalledTimes(1);
  });
});

import 'reflect-metadata';
import { describe, expect, jest, test } from '@jest/globals';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { Type as TransformType } from 'class-transformer';
import { IsDefined, IsEmail, IsInt, IsString, Max, Min, ValidateNested } from 'class-validator';
import * as v from 'valibot';
import { z } from 'zod';
import { type InputIssue, InvalidInputError, StreamTask, type TaskContext } from 'nestjs-streaming';
import { createTaskApp, handlerTask, type TaskApp } from '../../support/app.js';
import { deferred } from '../../support/wait.js';

class Address {
  @IsString()
  city!: string;

  @IsInt()
  @Min(1)
  @Max(99_999)
  zip!: number;
}

class Order {
  @IsEmail()
  email!: string;

  @IsDefined()
  @ValidateNested()
  @TransformType(() => Address)
  address!: Address;

  label(): string {
    return `${this.email} in ${this.address.city}`;
  }
}

const zodOrder = z.object({
  email: z.email(),
  items: z.array(z.object({ count: z.number().int().min(1) })).min(1),
});
const valibotOrder = v.object({
  email: v.pipe(v.string(), v.email()),
  items: v.pipe(v.array(v.object({ count: v.pipe(v.number(), v.minValue(1)) })), v.minLength(1)),
});

function appWith(
  input: StandardSchemaV1 | typeof Order,
  process = (task: TaskContext): unknown => task.input,
) {
  const spy = jest.fn(process);
  const Task = handlerTask((task: TaskContext) => spy(task), { app: 'shop', name: 'order', input });
  return createTaskApp({ tasks: [Task], listen: false }).then((app) => ({ app, spy }));
}

const order = { app: 'shop', name: 'order' };

async function issuesOf(app: TaskApp, input: unknown): Promise<readonly InputIssue[]> {
  const refused: unknown = await app.coordinator.start(order, input).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(InvalidInputError);
  expect(refused).toMatchObject({ code: 'INVALID_INPUT', expose: true });
  return (refused as InvalidInputError).issues;
}

describe.each([
  ['zod', zodOrder],
  ['valibot', valibotOrder],
])('input by %s', (_, schema) => {
  const right = { email: 'ann@example.com', items: [{ count: 2 }] };

  test('what passes is what the handler gets', async () => {
    const { app } = await appWith(schema);
    await expect((await app.coordinator.start(order, right)).result).resolves.toEqual(right);
  });

  test('what does not pass is told with the path of each issue, and starts nothing', async () => {
    const { app, spy } = await appWith(schema);
    const issues = await issuesOf(app, { email: 'ann', items: [{ count: 1 }, { count: 0 }] });
    expect(issues.map(({ path }) => path)).toEqual([['email'], ['items', 1, 'count']]);
    expect(issues.every(({ message }) => message.length > 0)).toBe(true);
    expect((await issuesOf(app, undefined))[0]?.path).toEqual([]);
    expect((await app.coordinator.list()).items).toEqual([]);
    expect(spy).not.toHaveBeenCalled();
  });

  test('the message names the task type and the first issue', async () => {
    const { app } = await appWith(schema);
    await expect(app.coordinator.start(order, { ...right, items: [{ count: 0 }] })).rejects.toThrow(
      /^Invalid input for shop\/order at "items\.0\.count": ./,
    );
  });
});

describe('input by a Standard Schema', () => {
  test('its output is the input, with defaults and transformations', async () => {
    const { app } = await appWith(z.object({ pages: z.coerce.number(), size: z.string().default('A4') }));
    const handle = await app.coordinator.start(order, { pages: '3' });
    await expect(handle.result).resolves.toEqual({ pages: 3, size: 'A4' });
  });

  test('an asynchronous one is waited for', async () => {
    const { app } = await appWith(
      z.object({ id: z.string().refine(async (id) => id !== 'taken', 'is taken') }),
    );
    await expect((await app.coordinator.start(order, { id: 'free' })).result).resolves.toEqual({
      id: 'free',
    });
    expect(await issuesOf(app, { id: 'taken' })).toEqual([{ message: 'is taken', path: ['id'] }]);
  });

  test('two starts of one id, while it is at work, start once', async () => {
    const gate = deferred();
    const { app, spy } = await appWith(z.string().refine(async () => gate.promise.then(() => true)));
    const starts = ['first', 'second'].map((input) => app.coordinator.start(order, input, { id: 'x' }));
    gate.resolve();
    const handles = await Promise.all(starts);
    expect(handles.map(({ created }) => created)).toEqual([true, false]);
    expect(await Promise.all(handles.map(({ result }) => result))).toEqual(['first', 'first']);
    expect(spy).toHaveBeenCalledTimes(1);
  });

  test('a shutdown that begins while it is at work wins', async () => {
    const gate = deferred();
    const { app, spy } = await appWith(z.string().refine(async () => gate.promise.then(() => true)));
    const starting = app.coordinator.start(order, 'late');
    const report = app.coordinator.shutdown();
    gate.resolve();
    await report;
    await expect(starting).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
    expect(spy).not.toHaveBeenCalled();
  });

  test('an error of the schema itself is passed on as it is, and starts nothing', async () => {
    const broken = new Error('The database is gone');
    const schema: StandardSchemaV1 = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: () => Promise.reject(broken),
      },
    };
    const { app } = await appWith(schema);
    await expect(app.coordinator.start(order, {})).rejects.toBe(broken);
    expect((await app.coordinator.list()).items).toEqual([]);
  });

  test('paths may be given as objects, and keys of any kind', async () => {
    const schema: StandardSchemaV1 = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: () => ({ issues: [{ message: 'no', path: [{ key: 'a' }, 0, Symbol('s')] }] }),
      },
    };
    const { app } = await appWith(schema);
    expect(await issuesOf(app, {})).toEqual([{ message: 'no', path: ['a', 0, 'Symbol(s)'] }]);
  });

  test('what is nested deeper than a schema can follow is refused', async () => {
    const tree: z.ZodType = z.object({ child: z.lazy(() => tree).optional() });
    const { app, spy } = await appWith(tree);
    let deep: unknown = {};
    for (let n = 0; n < 20_000; n++) deep = { child: deep };
    expect(await issuesOf(app, deep)).toEqual([{ message: 'nested too deeply', path: [] }]);
    expect(spy).not.toHaveBeenCalled();
  });

  test('each try gets a copy, through the schema, and the object given is left alone', async () => {
    const seen: unknown[] = [];
    const Task = handlerTask(
      (task: TaskContext<{ items: number[] }>) => {
        seen.push(structuredClone(task.input));
        task.input.items.length = 0;
        if (task.attempt < 3) throw new Error('busy');
      },
      {
        attempts: 3,
        backoff: 0,
        input: z.object({ items: z.array(z.number()), more: z.string().default('more') }),
      },
    );
    const { coordinator } = await createTaskApp({ tasks: [Task], listen: false });
    const given = { items: [1, 2] };
    await (
      await coordinator.start(Task, given)
    ).result;
    const whole = { items: [1, 2], more: 'more' };
    expect(seen).toEqual([whole, whole, whole]);
    expect(given).toEqual({ items: [1, 2] });
  });
});

describe('input by a class with class-validator', () => {
  const right = { email: 'ann@example.com', address: { city: 'Bern', zip: 3000 } };

  test('the handler gets an instance of it, nested ones too', async () => {
    @StreamTask({ app: 'shop', name: 'order', input: Order })
    class OrderTask {
      process(task: TaskContext<Order>) {
        return [task.input instanceof Order, task.input.address instanceof Address, task.input.label()];
      }
    }
    const { coordinator } = await createTaskApp({ tasks: [OrderTask], listen: false });
    const handle = await coordinator.start(order, right);
    await expect(handle.result).resolves.toEqual([true, true, 'ann@example.com in Bern']);
  });

  test('what does not pass is told with the path of each issue, and starts nothing', async () => {
    const { app, spy } = await appWith(Order);
    expect(await issuesOf(app, { email: 'ann', address: { city: 'Bern', zip: 0 } })).toEqual([
      { message: 'email must be an email', path: ['email'] },
      { message: 'zip must not be less than 1', path: ['address', 'zip'] },
    ]);
    expect((await app.coordinator.list()).items).toEqual([]);
    expect(spy).not.toHaveBeenCalled();
  });

  test('one property with two faults has two issues', async () => {
    const { app } = await appWith(Order);
    const issues = await issuesOf(app, { ...right, address: { city: 'Bern', zip: 'x' } });
    expect(issues.length).toBeGreaterThan(1);
    expect(new Set(issues.map(({ path }) => path.join('.')))).toEqual(new Set(['address.zip']));
  });

  test.each([[undefined], [null], ['text'], [7], [[right]]])('%j is no object', async (input) => {
    const { app } = await appWith(Order);
    expect(await issuesOf(app, input)).toEqual([{ message: 'expected an object', path: [] }]);
  });

  test('what is given is not changed', async () => {
    const { app } = await appWith(Order);
    const given = structuredClone(right);
    await (
      await app.coordinator.start(order, given)
    ).result;
    expect(given).toEqual(right);
    expect(given).not.toBeInstanceOf(Order);
  });

  test('what is nested deeper than it can be looked at is refused, and is no fault of the server', async () => {
    const { app, spy } = await appWith(Order);
    let deep: unknown = 1;
    for (let n = 0; n < 20_000; n++) deep = { address: deep };
    expect(await issuesOf(app, deep)).toEqual([{ message: 'nested too deeply', path: [] }]);
    expect(spy).not.toHaveBeenCalled();
  });

  test('two starts of one id start once, though the check is asynchronous', async () => {
    const { app, spy } = await appWith(Order);
    const handles = await Promise.all([1, 2, 3].map(() => app.coordinator.start(order, right, { id: 'x' })));
    expect(handles.map(({ created }) => created)).toEqual([true, false, false]);
    await Promise.all(handles.map(({ outcome }) => outcome));
    expect(spy).toHaveBeenCalledTimes(1);
  });
});

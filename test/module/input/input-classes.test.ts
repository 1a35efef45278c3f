import 'reflect-metadata';
import { describe, expect, test } from '@jest/globals';
import { APP_PIPE, NestFactory } from '@nestjs/core';
import { Module, type Type, ValidationPipe, type ValidationPipeOptions } from '@nestjs/common';
import { Allow, IsInt, IsString } from 'class-validator';
import { z } from 'zod';
import {
  CoordinatorService,
  InvalidInputError,
  type InputSchema,
  InvalidTaskTypeError,
  type InputValidation,
  StreamingModule,
  type TaskContext,
} from 'nestjs-streaming';
import { createTaskApp, handlerTask, type TaskAppOptions } from '../../support/app.js';

class User {
  @IsString()
  name!: string;
}

class Counted {
  @IsInt()
  count!: number;
}

function taskOf(input: InputSchema): Type<{ process(task: TaskContext): unknown }> {
  return handlerTask((task: TaskContext) => task.input, { app: 'a', name: 'b', input });
}

/** What a task gets of an input, or the issues that it is refused for. */
async function given(input: InputSchema, value: unknown, options: TaskAppOptions = {}): Promise<unknown> {
  const { coordinator } = await createTaskApp({ ...options, tasks: [taskOf(input)], listen: false });
  try {
    return await (
      await coordinator.start({ app: 'a', name: 'b' }, value)
    ).result;
  } catch (error) {
    if (error instanceof InvalidInputError) return error.issues;
    throw error;
  }
}

describe('a class that checks nothing stops the start', () => {
  class Forgotten {
    name!: string;
  }
  class Heir extends Forgotten {}

  test.each<[string, Type]>([
    ['without decorators', Forgotten],
    ['whose parent has none either', Heir],
  ])('%s', async (_, input) => {
    const starting = createTaskApp({ tasks: [taskOf(input)], listen: false });
    await expect(starting).rejects.toThrow(InvalidTaskTypeError);
    await expect(starting).rejects.toThrow(
      `The input of a/b is the class ${input.name}, which has no decorator of class-validator, so any input would pass; decorate its properties, or set "input" to a Standard Schema`,
    );
  });

  test('decorators that it inherits count', async () => {
    class Admin extends User {}
    expect(await given(Admin, { name: 5 })).toEqual([{ message: 'name must be a string', path: ['name'] }]);
  });

  test('so does @Allow(), which allows any value', async () => {
    class Free {
      @Allow()
      value!: unknown;
    }
    expect(await given(Free, { value: 7 })).toEqual({ value: 7 });
  });
});

describe('a class that carries a Standard Schema is validated by it', () => {
  const schema = z.object({ rows: z.number().int().min(1).default(3) });

  class Standard {
    rows!: number;
    static readonly '~standard' = schema['~standard'];
  }
  /** As nestjs-zod makes them. */
  class ZodDto {
    rows!: number;
    static readonly isZodDto = true;
    static readonly schema = schema;
  }
  class NamedDto extends ZodDto {}
  class Holder {
    rows!: number;
    static readonly schema = schema;
  }

  test.each<[string, Type]>([
    ['in a static "~standard"', Standard],
    ['as a DTO class of nestjs-zod', ZodDto],
    ['as a class that extends one', NamedDto],
    ['in a static "schema"', Holder],
  ])('%s', async (_, input) => {
    expect(await given(input, {})).toEqual({ rows: 3 });
    expect(await given(input, { rows: 0 })).toMatchObject([{ path: ['rows'] }]);
  });

  test('a static "schema" beside decorators of class-validator does not count', async () => {
    class Decorated extends User {
      static readonly schema = schema;
    }
    expect(await given(Decorated, { name: 5 })).toMatchObject([{ path: ['name'] }]);
  });
});

describe('what a class does not declare', () => {
  const value = { name: 'ann', isAdmin: true };
  const refused = [{ message: 'property isAdmin should not exist', path: ['isAdmin'] }];
  const useGlobal = (...pipes: ValidationPipeOptions[]): TaskAppOptions => ({
    configure: (app) => app.useGlobalPipes(...pipes.map((options) => new ValidationPipe(options))),
  });
  const set = (validation: InputValidation): TaskAppOptions => ({ options: { tasks: { validation } } });

  test('stays where nothing says otherwise', async () => {
    expect(await given(User, value)).toEqual(value);
    expect(await given(User, value, useGlobal({ transform: true }))).toEqual(value);
  });

  test('goes as `tasks.validation` says', async () => {
    expect(await given(User, value, set({ whitelist: true }))).toEqual({ name: 'ann' });
    expect(await given(User, value, set({ whitelist: true, forbidNonWhitelisted: true }))).toEqual(refused);
  });

  test('goes as a global ValidationPipe says', async () => {
    expect(await given(User, value, useGlobal({ whitelist: true }))).toEqual({ name: 'ann' });
    expect(await given(User, value, useGlobal({ whitelist: true, forbidNonWhitelisted: true }))).toEqual(
      refused,
    );
  });

  test('goes as a ValidationPipe of APP_PIPE says', async () => {
    const pipe = new ValidationPipe({ whitelist: true });
    expect(await given(User, value, { providers: [{ provide: APP_PIPE, useValue: pipe }] })).toEqual({
      name: 'ann',
    });
  });

  test('goes when any of several says so', async () => {
    expect(await given(User, value, useGlobal({ whitelist: true }, {}))).toEqual({ name: 'ann' });
    expect(await given(User, value, useGlobal({}, { whitelist: true }))).toEqual({ name: 'ann' });
  });

  test('stays where `tasks.validation` is given without it, whatever a global pipe says', async () => {
    expect(await given(User, value, { ...useGlobal({ whitelist: true }), ...set({}) })).toEqual(value);
  });

  test('goes in an application without HTTP too', async () => {
    @Module({
      imports: [StreamingModule.forRoot({ tasks: { validation: { whitelist: true } } })],
      providers: [taskOf(User)],
    })
    class ContextModule {}
    const app = await NestFactory.createApplicationContext(ContextModule, { logger: false });
    try {
      const handle = await app.get(CoordinatorService).start({ app: 'a', name: 'b' }, value);
      await expect(handle.result).resolves.toEqual({ name: 'ann' });
    } finally {
      await app.close();
    }
  });
});

describe('the other options of a global ValidationPipe', () => {
  test('those for class-transformer hold too', async () => {
    const transformOptions = { enableImplicitConversion: true };
    const configure: TaskAppOptions['configure'] = (app) =>
      app.useGlobalPipes(new ValidationPipe({ transformOptions }));
    expect(await given(Counted, { count: '5' }, { configure })).toEqual({ count: 5 });
    expect(await given(Counted, { count: '5' })).toMatchObject([{ path: ['count'] }]);
    expect(
      await given(Counted, { count: '5' }, { options: { tasks: { validation: { transformOptions } } } }),
    ).toEqual({ count: 5 });
  });

  test('an error is an InvalidInputError, whatever its exceptionFactory makes', async () => {
    const configure: TaskAppOptions['configure'] = (app) =>
      app.useGlobalPipes(new ValidationPipe({ exceptionFactory: () => new Error('mine') }));
    expect(await given(User, { name: 5 }, { configure })).toMatchObject([{ path: ['name'] }]);
  });

  test('issues without default messages have one', async () => {
    const options = { tasks: { validation: { dismissDefaultMessages: true } } };
    expect(await given(User, { name: 5 }, { options })).toEqual([
      { message: 'is not valid', path: ['name'] },
    ]);
  });
});

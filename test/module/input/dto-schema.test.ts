import 'reflect-metadata';
import { expect, it } from '@jest/globals';
import {
  IsArray,
  IsBoolean,
  IsEmail,
  IsEnum,
  IsIn,
  IsInt,
  IsNumber,
  IsOptional,
  IsString,
  Max,
  MaxLength,
  Min,
  ValidateNested,
} from 'class-validator';
import { z } from 'zod';
import { dtoSchemaOf } from '../../../lib/task-types/input/dto-schema.js';

enum Size {
  Small = 1,
  Large = 2,
}

class Address {
  @IsString()
  @MaxLength(40)
  city!: string;
}

class Person extends Address {
  @IsEmail()
  email!: string;

  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(9)
  rank?: number;

  @IsIn(['a', 'b'])
  kind = 'b';

  @IsEnum(Size)
  size!: Size;

  @IsBoolean()
  isDraft = false;

  @IsArray()
  @IsString({ each: true })
  tags!: string[];

  @IsNumber({}, { each: true })
  marks!: number[];

  @ValidateNested()
  home!: Address;

  @ValidateNested({ each: true })
  others!: Address[];
}

class Node {
  @IsOptional()
  @ValidateNested()
  next?: Node;
}

class Bare {
  name!: string;
}

it('a class with rules of class-validator is a schema, those that it extends included', async () => {
  const address = {
    type: 'object',
    properties: { city: { type: 'string', maxLength: 40 } },
    required: ['city'],
  };
  expect(await dtoSchemaOf(Person)).toEqual({
    type: 'object',
    properties: {
      ...address.properties,
      email: { type: 'string' },
      rank: { type: 'integer', minimum: 1, maximum: 9 },
      kind: { enum: ['a', 'b'], default: 'b' },
      size: { enum: [1, 2] },
      isDraft: { type: 'boolean', default: false },
      tags: { type: 'array', items: { type: 'string' } },
      marks: { type: 'array', items: { type: 'number' } },
      home: address,
      others: { type: 'array', items: {} },
    },
    required: expect.arrayContaining(['city', 'email', 'kind', 'size', 'tags', 'marks', 'home', 'others']),
  });
  expect((await dtoSchemaOf(Person))?.['required']).not.toContain('rank');
});

it('a class that holds itself has an end', async () => {
  // The compiler of the tests does not tell it of a class itself. That of TypeScript does.
  Reflect.defineMetadata('design:type', Node, Node.prototype, 'next');
  expect(JSON.stringify(await dtoSchemaOf(Node)).match(/"next"/g)).toHaveLength(4);
});

it('a class without rules has none, and neither has a Standard Schema', async () => {
  expect(await dtoSchemaOf(Bare)).toBeUndefined();
  expect(await dtoSchemaOf(z.object({ a: z.string() }))).toBeUndefined();
});

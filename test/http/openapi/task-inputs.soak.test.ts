import { describe, expect, it } from '@jest/globals';
import type { Type } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';
import { toStandardJsonSchema } from '@valibot/to-json-schema';
import { IsInt, IsString } from 'class-validator';
import type { InputSchema } from 'nestjs-streaming';
import * as v from 'valibot';
import { z } from 'zod';
import { createTaskApp, handlerTask } from '../../support/app.js';
import { documentOf, faultsOf, openApiVersions, operationsOf } from './support/documents.js';

/** The document of an application whose task types take these inputs, by name. */
async function documentWith(inputs: Record<string, InputSchema | undefined>, version?: string) {
  const tasks = Object.entries(inputs).map(([name, input]) =>
    handlerTask(() => 1, { app: 'app', name, ...(input && { input }) }),
  );
  const { app } = await createTaskApp({ listen: false, tasks, options: { http: { start: true } } });
  return documentOf(app, version);
}

async function described(inputs: Record<string, InputSchema | undefined>, version?: string) {
  const document = await documentWith(inputs, version);
  const bodies = ['POST /stream/{app}/{name}', 'PUT /stream/{app}/{name}/{id}'].map(
    (route) => operationsOf(document).get(route)?.requestBody,
  );
  expect(bodies[1]).toEqual(bodies[0]);
  // As a client reads it.
  const schemas = JSON.parse(JSON.stringify(document.components?.schemas)) as Record<string, object>;
  return { body: bodies[0], schema: bodies[0]?.content['application/json']?.schema, schemas };
}

const anyInput = [expect.objectContaining({ type: 'object' }), expect.objectContaining({ type: 'array' })];

class ReportInput {
  @ApiProperty()
  @IsString()
  month!: string;

  @ApiProperty({ minimum: 1 })
  @IsInt()
  copies!: number;
}

/** As nestjs-zod makes them. */
function zodDto(schema: InputSchema): Type {
  class ZodDto {
    static readonly isZodDto = true;
    static readonly schema = schema;
    declare readonly month: string;
  }
  return ZodDto;
}

describe('the body of the routes that start tasks', () => {
  it('is what a zod schema takes: before defaults and transforms', async () => {
    const input = z.object({
      month: z.string().transform((text) => new Date(text)),
      copies: z.int().positive().default(1),
      note: z.string().nullable(),
    });
    const { body, schema, schemas } = await described({ Report: input });
    expect(body?.required).toBe(false);
    expect(schema).toEqual({ $ref: '#/components/schemas/app.Report.Input' });
    expect(schemas['app.Report.Input']).toMatchObject({
      title: 'Input of app/Report',
      type: 'object',
      properties: {
        month: { type: 'string' },
        copies: { type: 'integer', minimum: 0, not: { enum: [0] }, default: 1 },
        note: { type: 'string', nullable: true },
      },
      required: ['month', 'note'],
    });
  });

  it('is what a valibot schema takes that tells its JSON Schema', async () => {
    const input = toStandardJsonSchema(v.object({ month: v.optional(v.string()), tag: v.literal('a') }));
    const { schemas } = await described({ Report: input });
    expect(schemas['app.Report.Input']).toMatchObject({
      type: 'object',
      properties: { month: { type: 'string' }, tag: { enum: ['a'] } },
      required: ['tag'],
    });
  });

  it('is what @ApiProperty() says of a class', async () => {
    const { schema, schemas } = await described({ Report: ReportInput });
    expect(schema).toEqual({ $ref: '#/components/schemas/ReportInput' });
    expect(schemas['ReportInput']).toEqual({
      type: 'object',
      properties: { month: { type: 'string' }, copies: { type: 'number', minimum: 1 } },
      required: ['month', 'copies'],
    });
  });

  it('is what the schema takes that a class carries', async () => {
    const { schemas } = await described({ Report: zodDto(z.object({ month: z.string() })) });
    expect(schemas['app.Report.Input']).toMatchObject({ properties: { month: { type: 'string' } } });
  });

  it('is not a static "schema" of a class with @ApiProperty(), which may be anything', async () => {
    const withStatic = Object.assign(class extends ReportInput {}, {
      schema: z.object({ other: z.string() }),
    });
    Object.defineProperty(withStatic, 'name', { value: 'StaticInput' });
    const { schemas } = await described({ Report: withStatic });
    expect(schemas['StaticInput']).toMatchObject({ properties: { month: { type: 'string' } } });
  });

  it('is anything where no schema tells of it, as over HTTP an input is an object or an array', async () => {
    const { schema } = await described({ Any: undefined, Silent: v.object({ month: v.string() }) });
    expect(schema).toEqual({ anyOf: anyInput });
  });

  it('is any of them where there are several task types', async () => {
    const one = z.object({ a: z.string() });
    expect((await described({ One: one, Two: ReportInput })).schema).toEqual({
      anyOf: [{ $ref: '#/components/schemas/app.One.Input' }, { $ref: '#/components/schemas/ReportInput' }],
    });
    expect((await described({ One: one, Any: undefined })).schema).toEqual({
      anyOf: [{ $ref: '#/components/schemas/app.One.Input' }, ...anyInput],
    });
  });

  it('may refer to itself', async () => {
    const Tree = z.object({
      name: z.string(),
      get children() {
        return z.array(Tree);
      },
    });
    const { schemas } = await described({ Grow: z.object({ tree: Tree }), Tree });
    const refs = [...JSON.stringify(schemas).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)];
    expect(refs.filter(([, name = '']) => !(name in schemas))).toEqual([]);
    expect(schemas['app.Tree.Input']).toMatchObject({
      properties: { children: { items: { $ref: '#/components/schemas/app.Tree.Input' } } },
    });
  });

  it('says what cannot be told in JSON Schema as anything', async () => {
    const input = z.object({ at: z.coerce.date(), when: z.date(), month: z.string() });
    const { schemas } = await described({ Report: input });
    expect(schemas['app.Report.Input']).toMatchObject({
      properties: { at: {}, when: {}, month: { type: 'string' } },
    });
  });

  it('is that of the application itself where there are several', async () => {
    const one = await createTaskApp({
      listen: false,
      tasks: [handlerTask(() => 1, { app: 'app', name: 'One', input: z.object({ a: z.string() }) })],
      options: { http: { start: true } },
    });
    const { schemas } = await described({ Two: z.object({ b: z.string() }) });
    expect(Object.keys(schemas)).not.toContain('app.One.Input');
    expect(Object.keys(documentOf(one.app).components?.schemas ?? {})).not.toContain('app.Two.Input');
  });

  it.each(openApiVersions)('makes a valid document of version %s', async (version) => {
    const input = z.object({
      exclusive: z.number().gt(1).lt(2),
      tuple: z.tuple([z.string(), z.number()]),
      record: z.record(z.string().regex(/^a/), z.number()),
      union: z.union([z.string(), z.null(), z.array(z.literal('a'))]),
      either: z.discriminatedUnion('kind', [
        z.object({ kind: z.literal('a') }),
        z.strictObject({ kind: z.literal('b'), n: z.int().max(3) }),
      ]),
      both: z.intersection(z.object({ a: z.string() }), z.object({ b: z.string().nullable() })),
    });
    const document = await documentWith(
      { Report: input, List: z.array(z.string()), Dto: ReportInput },
      version,
    );
    expect(await faultsOf(document)).toBeUndefined();
  });
});

import { describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { z } from 'zod';
import { declareTasks } from '../../../lib/cli/types/declare-tasks.js';
import { listedTypes } from '../../../lib/cli/types/listed-types.js';
import { compilerOptions } from '../../docs/support/sources.js';

const HERE = fileURLToPath(new URL('.', import.meta.url));

function declare(inputs: Readonly<Record<string, unknown>>): Promise<string> {
  const tasks = Object.entries(inputs).map(([path, input]) => {
    const [app, name] = path.split(' ');
    return { app, name, input };
  });
  return declareTasks(listedTypes({ tasks }));
}

function draft7(schema: z.ZodType): unknown {
  return z.toJSONSchema(schema, { target: 'draft-7', io: 'input', unrepresentable: 'any' });
}

/** What the compiler says of a page that uses the types. */
function faultsOf(declarations: string, page: string): string[] {
  const folder = mkdtempSync(join(HERE, 'page-'));
  try {
    writeFileSync(join(folder, 'tasks.d.ts'), declarations);
    writeFileSync(join(folder, 'page.ts'), page);
    const files = [join(folder, 'tasks.d.ts'), join(folder, 'page.ts')];
    const program = ts.createProgram(files, { ...compilerOptions(), noEmit: true, skipLibCheck: false });
    return files.flatMap((file) =>
      ts
        .getPreEmitDiagnostics(program, program.getSourceFile(file))
        .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n')),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const Tree = z.object({
  label: z.string(),
  get parts() {
    return z.array(Tree);
  },
});

describe('the type of the tasks', () => {
  it('is one that the client takes: inputs are checked, the rest is unknown', async () => {
    const declarations = await declare({
      'media TranscodeTask': draft7(
        z.object({
          path: z.string().describe('Where it is */ import "x";'),
          mode: z.enum(['fast', 'good']).default('good'),
          tags: z.array(z.string()).max(100).optional(),
          pair: z.tuple([z.string(), z.number()]),
          kind: z.literal('video'),
          note: z.string().nullable(),
          counts: z.record(z.string(), z.number()),
          tree: Tree,
          title: z.string(),
          $ref: z.string(),
        }),
      ),
      'media any': null,
      'words text': { type: 'string' },
    });
    const page = `
      import { createStreamingClient } from 'nestjs-streaming/client';
      import type { Tasks } from './tasks.js';
      const streaming = createStreamingClient<Tasks>({ baseUrl: 'http://localhost/stream' });
      const input = {
        path: '/a', pair: ['a', 1] as [string, number], kind: 'video' as const, note: null, counts: { a: 1 },
        tree: { label: 'a', parts: [{ label: 'b', parts: [] }] }, title: 'Film', $ref: 'x',
      };
      const run = await streaming.task('media', 'TranscodeTask').start({ ...input, tags: ['a'], mode: 'fast' });
      for await (const event of run) if (event.type === 'found') void (event.data satisfies unknown);
      void ((await run.result()) satisfies unknown);
      await streaming.task('media', 'any').start({ whatever: 1 });
      await streaming.task('words', 'text').start('text');
      // @ts-expect-error it is no mode
      await streaming.task('media', 'TranscodeTask').start({ ...input, mode: 'best' });
      // @ts-expect-error it takes text
      await streaming.task('words', 'text').start(1);
      // @ts-expect-error there is no such property
      await streaming.task('media', 'TranscodeTask').start({ ...input, mood: 'fast' });
      // @ts-expect-error there is no such task
      streaming.task('media', 'none');
    `;
    expect(faultsOf(declarations, page)).toEqual([]);
  }, 60_000);

  it('allows more, never less, where TypeScript has no type for a schema', async () => {
    const declarations = await declare({
      'a rest': draft7(z.object({ a: z.string() }).catchall(z.number())),
      'a tuple': draft7(z.tuple([z.string(), z.number().optional()]).rest(z.boolean())),
      'a nullable': { type: ['object', 'null'], properties: { a: { type: 'string' } } },
      'a pattern': {
        type: 'object',
        properties: { a: { type: 'string' } },
        patternProperties: { '^x': { type: 'number' } },
      },
      'a list': { type: 'array', items: { type: 'string' }, minItems: 1, maxItems: 100 },
      'a none': { enum: [], description: {} },
    });
    const page = `
      import type { Tasks } from './tasks.js';
      type In<Name extends keyof Tasks['a']> = Tasks['a'][Name]['input'];
      export const rest: In<'rest'>[] = [{ a: 'x' }, { a: 'x', b: 1 }];
      export const tuple: In<'tuple'>[] = [['a'], ['a', 1], ['a', 1, true]];
      export const nullable: In<'nullable'>[] = [null, { a: 'x' }];
      export const pattern: In<'pattern'> = { a: 'x', x1: 1 };
      export const list: In<'list'> = ['a', 'b'];
      // @ts-expect-error the property is text
      export const wrong: In<'rest'> = { a: 1 };
    `;
    expect(faultsOf(declarations, page)).toEqual([]);
  }, 60_000);

  it('declares the others where the schema of one makes no sense, and names it', async () => {
    const unknown: string[] = [];
    const tasks = [
      { app: 'a', name: 'self', input: { $ref: '#' } },
      { app: 'a', name: 'good', input: { type: 'object', properties: { size: { type: 'number' } } } },
    ];
    const declarations = await declareTasks(listedTypes({ tasks }), ({ name }) => unknown.push(name));
    expect(unknown).toEqual(['self']);
    expect(declarations).toMatch(/self: \{\s+input: unknown/);
    expect(declarations).toMatch(/size\?: number/);
  });

  it('keeps definitions of the same name apart', async () => {
    const part = (type: string) => ({
      type: 'object',
      properties: { part: { $ref: '#/$defs/Part' }, again: { $ref: '#' } },
      $defs: { Part: { title: 'Part', type: 'object', properties: { size: { type } } } },
    });
    const declarations = await declare({ 'a b-c': part('string'), 'a-b c': part('number') });
    const page = `
      import type { Tasks } from './tasks.js';
      export const one: Tasks['a']['b-c']['input'] = { part: { size: 'large' }, again: { part: {} } };
      export const other: Tasks['a-b']['c']['input'] = { part: { size: 1 }, again: { part: { size: 2 } } };
    `;
    expect(faultsOf(declarations, page)).toEqual([]);
  }, 60_000);

  it('fetches and reads nothing that a schema points at, and takes no TypeScript from it', async () => {
    const declarations = await declare({
      'a b': {
        type: 'object',
        properties: {
          file: { $ref: 'file:///etc/hostname' },
          url: { $ref: 'http://127.0.0.1:1/schema.json' },
          none: { $ref: '#/definitions/none' },
          broken: { $ref: '#/definitions/%E0%A4%A' },
          code: { type: 'string', tsType: 'typeof import("node:fs")' },
          'a"b`': { type: 'string' },
        },
      },
    });
    expect(declarations).toMatch(
      /file\?: unknown\s+url\?: unknown\s+none\?: unknown\s+broken\?: unknown\s+code\?: string/,
    );
    expect(declarations).not.toContain('import');
    expect(faultsOf(declarations, 'export {};')).toEqual([]);
  }, 60_000);

  it('is empty where there is no task type', async () => {
    expect(await declare({})).toContain('export interface Tasks {}');
  });
});

describe('an answer that is none', () => {
  it.each([
    [null],
    ['text'],
    [{}],
    [{ tasks: {} }],
    [{ tasks: [null] }],
    [{ tasks: [{ app: 1, name: 'x' }] }],
  ])('%j is refused', (answer) => {
    expect(() => listedTypes(answer)).toThrow(/^The server answered/);
  });

  it('a schema that is none counts as none', () => {
    expect(listedTypes({ tasks: [{ app: 'a', name: 'b', input: 'text', events: [], result: 1 }] })).toEqual([
      { app: 'a', name: 'b', input: null, result: null, events: null, state: null },
    ]);
  });
});

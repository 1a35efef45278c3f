import { describe, expect, it } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import * as fc from 'fast-check';
import { portableSchema } from '../../../lib/http/openapi/portable-schema.js';

const portable = (schema: object) => portableSchema(schema, (ref) => `#/components/schemas/${ref.slice(8)}`);
const ajv = new Ajv2020({ strict: false });

/** Schemas of draft 2020-12 that both versions can express in full, each with values on both sides. */
const whole: readonly (readonly [string, Record<string, unknown>])[] = [
  ['a constant', { const: 1 }],
  ['null', { type: 'null' }],
  ['exclusive limits', { type: 'integer', exclusiveMinimum: 0, exclusiveMaximum: 2 }],
  ['exclusive limits beside a "not"', { exclusiveMinimum: 0, not: { const: 1 } }],
  ['exclusive limits as flags of 3.0', { minimum: 0, exclusiveMinimum: true }],
  ['several types', { type: ['string', 'integer'] }],
  ['choices', { anyOf: [{ type: 'string' }, { type: 'array', items: { const: 1 } }] }],
  [
    'parts that are all required',
    { allOf: [{ required: ['a'] }, { properties: { a: { type: 'integer' } } }] },
  ],
  [
    'objects that are closed',
    { type: 'object', properties: { a: { type: 'integer' } }, additionalProperties: false },
  ],
  ['records', { type: 'object', additionalProperties: { type: 'integer' } }],
  [
    'properties whose names are keywords',
    { type: 'object', properties: { const: { const: 1 }, type: { type: 'string' } } },
  ],
  ['schemas that are true or false', { properties: { a: true, b: false } }],
];

/** Schemas of which something has no word: what is left allows more. */
const parts: readonly (readonly [string, Record<string, unknown>])[] = [
  [
    'tuples',
    { type: 'array', prefixItems: [{ type: 'string' }, { type: 'integer' }], items: false, minItems: 2 },
  ],
  ['tuples of draft 7', { type: 'array', items: [{ type: 'string' }], additionalItems: { type: 'integer' } }],
  ['patterns of names', { patternProperties: { '^a': { type: 'integer' } }, additionalProperties: false }],
  ['names', { type: 'object', propertyNames: { pattern: '^a' } }],
  ['conditions', { if: { type: 'integer' }, else: { type: 'string' } }],
  [
    'choices of which one must fit, in words that are lost',
    { oneOf: [{ propertyNames: { pattern: '^a' } }, { type: 'object', propertyNames: { pattern: '^b' } }] },
  ],
  [
    'what must not be, deep down',
    { not: { properties: { a: { contains: { const: 1 } } }, required: ['a'] } },
  ],
  ['what must not be, in words that are lost', { not: { patternProperties: { a: { type: 'integer' } } } }],
];

const values = fc.oneof(
  { maxDepth: 2 },
  fc.jsonValue({ maxDepth: 2 }),
  fc.integer({ min: -1, max: 3 }),
  fc.array(fc.constantFrom<unknown>('a', 1, null), { maxLength: 3 }),
  fc.dictionary(fc.constantFrom('a', 'b', 'const', 'type'), fc.constantFrom<unknown>('a', 1, null)),
);

describe('portableSchema()', () => {
  it.each(whole)('says the same of %s', (_name, schema) => {
    const [before, after] = [ajv.compile(modern(schema)), ajv.compile(portable(schema))];
    fc.assert(fc.property(values, (value) => expect([value, after(value)]).toEqual([value, before(value)])));
  });

  it.each(parts)('allows no less of %s', (_name, schema) => {
    const [before, after] = [ajv.compile(modern(schema)), ajv.compile(portable(schema))];
    fc.assert(fc.property(values, (value) => after(value) || !before(value)));
  });

  it.each([...whole, ...parts])('has no word that one of the versions does not know: %s', (_name, schema) => {
    expect(JSON.stringify(portable(schema))).not.toMatch(
      /"(const":[^{]|exclusiveM|prefixItems|patternProp|propertyNames|if|additionalItems|type":\[)/,
    );
  });

  it('says that null is allowed as 3.0 does: for 3.1 it is rewritten', () => {
    expect(portable({ type: ['string', 'null'] })).toEqual({ type: 'string', nullable: true });
  });

  it('keeps what stands beside a reference, where 3.0 would not read it', () => {
    expect(portable({ $ref: '#/$defs/A' })).toEqual({ $ref: '#/components/schemas/A' });
    expect(portable({ $ref: '#/$defs/A', description: 'a' })).toEqual({
      description: 'a',
      allOf: [{ $ref: '#/components/schemas/A' }],
    });
  });

  it('takes a reference that leads nowhere for anything', () => {
    expect(portableSchema({ $ref: 'elsewhere' }, () => undefined)).toEqual({});
  });
});

/** As ajv reads it, which knows neither flags of 3.0 nor tuples of draft 7. */
function modern({
  exclusiveMinimum,
  minimum,
  additionalItems,
  items,
  ...schema
}: Record<string, unknown>): object {
  return {
    ...schema,
    ...(exclusiveMinimum === true
      ? { exclusiveMinimum: minimum }
      : {
          ...(exclusiveMinimum !== undefined && { exclusiveMinimum }),
          ...(minimum !== undefined && { minimum }),
        }),
    ...(Array.isArray(items)
      ? { prefixItems: items, items: additionalItems }
      : items !== undefined && { items }),
  };
}

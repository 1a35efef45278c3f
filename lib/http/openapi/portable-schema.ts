import type { Schema } from './openapi-metadata.js';

/**
 * A JSON Schema in the words that OpenAPI 3.0 and 3.1 share, as the version of a document is not known where it is
 * described. What they have no word for is left out: the schema then allows more, never less.
 *
 * @param pathOf gives the path of what a `$ref` names, in the document; `undefined` where it is not there
 */
export function portableSchema(schema: unknown, pathOf: (ref: string) => string | undefined): Schema {
  if (typeof schema === 'boolean') return schema ? {} : { not: {} };
  if (!isSchema(schema)) return {};
  const { $ref, ...rest } = schema;
  const own = wordsOf(rest, (inner) => portableSchema(inner, pathOf));
  if (typeof $ref !== 'string') return own;
  const path = pathOf($ref);
  if (path === undefined) return own;
  const reference = { $ref: path };
  // Beside a $ref version 3.0 reads nothing.
  return Object.keys(own).length === 0 ? reference : { ...own, allOf: [reference, ...listOf(own.allOf)] };
}

type Convert = (schema: unknown) => Schema;

/** Words that mean the same in both, and hold no schema. */
const SHARED_WORDS = [
  'title',
  'description',
  'format',
  'default',
  'deprecated',
  'readOnly',
  'writeOnly',
  'multipleOf',
  'maximum',
  'minimum',
  'maxLength',
  'minLength',
  'pattern',
  'maxItems',
  'minItems',
  'uniqueItems',
  'maxProperties',
  'minProperties',
  'required',
];

function wordsOf(schema: Schema, convert: Convert): Schema {
  const kept = Object.fromEntries(
    SHARED_WORDS.filter((word) => schema[word] !== undefined).map((word) => [word, schema[word]]),
  );
  const parts = [
    kept,
    exampleOf(schema),
    typeOf(schema),
    valuesOf(schema),
    objectOf(schema, convert),
    arrayOf(schema, convert),
    choicesOf(schema, convert),
    boundsOf(schema),
  ];
  return parts.reduce((one, other) => {
    const allOf = [...listOf(one.allOf), ...listOf(other.allOf)];
    return { ...one, ...other, ...(allOf.length > 0 && { allOf }) };
  });
}

function exampleOf({ example, examples }: Schema): Schema {
  if (example !== undefined) return { example };
  return Array.isArray(examples) && examples.length > 0 ? { example: examples[0] as unknown } : {};
}

function typeOf({ type, nullable }: Schema): Schema {
  const types = Array.isArray(type) ? (type as string[]) : typeof type === 'string' ? [type] : [];
  const others = types.filter((each) => each !== 'null');
  const isNullable = nullable === true || others.length < types.length;
  if (others.length === 0) return types.length > 0 ? { enum: [null] } : nullableOf(isNullable);
  if (others.length === 1) return { type: others[0], ...nullableOf(isNullable) };
  const choices = others.map((each) => ({ type: each, ...nullableOf(isNullable) }));
  return { allOf: [{ anyOf: choices }] };
}

function nullableOf(isNullable: boolean): Schema {
  return isNullable ? { nullable: true } : {};
}

function valuesOf(schema: Schema): Schema {
  if ('const' in schema) return { enum: [schema['const']] };
  return Array.isArray(schema['enum']) ? { enum: schema['enum'] } : {};
}

function objectOf(schema: Schema, convert: Convert): Schema {
  const { properties, additionalProperties, patternProperties } = schema;
  const others = patternProperties === undefined ? additionalProperties : undefined;
  return {
    ...(isSchema(properties) && {
      properties: Object.fromEntries(
        Object.entries(properties).map(([name, property]) => [name, convert(property)]),
      ),
    }),
    ...(typeof others === 'boolean' && { additionalProperties: others }),
    ...(isSchema(others) && { additionalProperties: convert(others) }),
  };
}

function arrayOf({ type, items, prefixItems, additionalItems }: Schema, convert: Convert): Schema {
  // Before 2020-12 a tuple is a list under "items".
  const tuple = Array.isArray(prefixItems) ? prefixItems : Array.isArray(items) ? items : undefined;
  const rest = Array.isArray(prefixItems) ? items : additionalItems;
  if (tuple) {
    const choices = [...(tuple as unknown[]), ...(rest === false ? [] : [rest ?? true])].map(convert);
    return { items: { anyOf: choices }, ...(rest === false && { maxItems: tuple.length }) };
  }
  if (items !== undefined) return { items: convert(items) };
  // Version 3.0 wants to know what is in it.
  return type === 'array' || listOf(type).includes('array') ? { items: {} } : {};
}

function choicesOf({ allOf, anyOf, oneOf, not }: Schema, convert: Convert): Schema {
  const convertAll = (list: unknown) => listOf(list).map(convert);
  // Of choices that allow more, two may fit where one did.
  const isLoose = losesWords(oneOf);
  const all = [...convertAll(allOf), ...(isLoose ? [{ anyOf: convertAll(oneOf) }] : [])];
  return {
    ...(all.length > 0 && { allOf: all }),
    ...(listOf(anyOf).length > 0 && { anyOf: convertAll(anyOf) }),
    ...(listOf(oneOf).length > 0 && !isLoose && { oneOf: convertAll(oneOf) }),
    ...(not !== undefined && !losesWords(not) && { not: convert(not) }),
  };
}

/** An exclusive limit is a flag in 3.0 and a number in 3.1. Both can say: the limit, and not its value. */
function boundsOf(schema: Schema): Schema {
  const limits = { minimum: exclusiveOf(schema, 'Minimum'), maximum: exclusiveOf(schema, 'Maximum') };
  const given = Object.entries(limits).filter(([, limit]) => limit !== undefined);
  if (given.length === 0) return {};
  const excluded = { not: { enum: given.map(([, limit]) => limit) } };
  return {
    ...Object.fromEntries(given),
    ...(schema['not'] === undefined ? excluded : { allOf: [excluded] }),
  };
}

function exclusiveOf(schema: Schema, word: 'Minimum' | 'Maximum'): number | undefined {
  const exclusive = schema[`exclusive${word}`];
  const limit = exclusive === true ? schema[word.toLowerCase()] : exclusive;
  return typeof limit === 'number' ? limit : undefined;
}

/** Whether something in it has no word. Within a `not`, more would then be less. */
function losesWords(schema: unknown): boolean {
  if (Array.isArray(schema)) return schema.some(losesWords);
  if (!isSchema(schema)) return false;
  return (
    Array.isArray(schema['items']) ||
    Object.entries(schema).some(([word, inner]) => UNSHARED_WORDS.has(word) || losesWords(inner))
  );
}

const UNSHARED_WORDS = new Set([
  'patternProperties',
  'propertyNames',
  'if',
  'contains',
  'dependencies',
  'dependentSchemas',
  'dependentRequired',
  'unevaluatedProperties',
  'unevaluatedItems',
  'prefixItems',
]);

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : [];
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

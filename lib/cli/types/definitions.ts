import type { JsonSchema } from './listed-types.js';

/** Words whose values are JSON of the task, and no schemas. */
const DATA = new Set(['const', 'default', 'enum', 'examples', 'required']);
/** Words that would give a name or TypeScript of their own: names are made of the task types. */
const DROPPED = new Set(['$id', '$schema', '$anchor', 'id', 'title', 'tsType', 'tsEnumNames']);
/** Words that hold schemas by names of the task's own. */
const MAPS = new Set(['properties', 'patternProperties', 'dependencies', 'dependentSchemas']);

/** Schemas of several documents in one: each knows only its own definitions. */
export class Definitions {
  readonly #all: Record<string, unknown> = {};

  get all(): Readonly<Record<string, unknown>> {
    return this.#all;
  }

  /**
   * @param words what the type is named after
   * @returns what stands for the schema
   */
  add(words: string, { $defs, definitions, ...schema }: JsonSchema): JsonSchema {
    const own = this.#reserve(words);
    const inner = Object.entries({ ...recordOf(definitions), ...recordOf($defs) });
    const names = new Map(inner.map(([key]) => [key, this.#reserve(`${words} ${key}`)]));
    const refer = (ref: string): JsonSchema => {
      if (ref === '#') return refTo(own);
      const [, key] = /^#\/(?:\$defs|definitions)\/([^/]+)$/.exec(ref) ?? [];
      const name = key === undefined ? undefined : names.get(unescape(key));
      // What is not here is not fetched either: it is any JSON.
      return name === undefined ? {} : refTo(name);
    };
    this.#all[own] = rewrite(schema, refer);
    for (const [key, value] of inner) this.#all[names.get(key) ?? key] = rewrite(value, refer);
    return refTo(own);
  }

  /** A name that is free, of characters that need no escape in a `$ref`. */
  #reserve(words: string): string {
    const name = words.replaceAll(/[^A-Za-z0-9]+/g, '-');
    let free = name;
    for (let count = 2; Object.hasOwn(this.#all, free); count++) free = `${name}-${count}`;
    this.#all[free] = {};
    return free;
  }
}

function rewrite(schema: unknown, refer: (ref: string) => JsonSchema): unknown {
  if (Array.isArray(schema)) return schema.map((item: unknown) => rewrite(item, refer));
  if (typeof schema !== 'object' || schema === null) return schema;
  const { $ref } = schema as JsonSchema;
  // What stands beside a reference would become part of what it names.
  if (typeof $ref === 'string') return refer($ref);
  return declarable(
    Object.fromEntries(
      Object.entries(schema)
        .filter(([word]) => !DROPPED.has(word))
        .map(([word, value]) => {
          if (DATA.has(word)) return [word, value];
          return [word, MAPS.has(word) ? rewriteEach(value, refer) : rewrite(value, refer)];
        }),
    ),
  );
}

/** Leaves out what TypeScript has no type for: the type then allows more, never less. */
function declarable({ description, enum: values, minItems, maxItems, ...schema }: JsonSchema): JsonSchema {
  const { type, properties, patternProperties, additionalProperties, items, ...rest } = schema;
  // An index signature would hold for the named properties, too.
  const isOpen =
    properties !== undefined && (patternProperties !== undefined || typeof additionalProperties === 'object');
  const own = {
    ...rest,
    ...(typeof description === 'string' && { description }),
    ...(Array.isArray(values) && values.length > 0 && { enum: values }),
    // A list of up to 100 would be a union of 101 tuples. Of a tuple they say what may be missing.
    ...(Array.isArray(items) && given({ minItems, maxItems })),
    ...given({
      type,
      properties,
      items,
      patternProperties: isOpen ? undefined : patternProperties,
      additionalProperties: isOpen ? true : additionalProperties,
    }),
  };
  if (!Array.isArray(type) || properties === undefined) return own;
  return { anyOf: type.map((one: unknown) => (one === 'object' ? { ...own, type: one } : { type: one })) };
}

/** Without what is `undefined`. */
function given(words: JsonSchema): JsonSchema {
  return Object.fromEntries(Object.entries(words).filter(([, value]) => value !== undefined));
}

/** The names are the task's own, and may look like words. */
function rewriteEach(schemas: unknown, refer: (ref: string) => JsonSchema): unknown {
  return Object.fromEntries(
    Object.entries(recordOf(schemas)).map(([name, schema]) => [name, rewrite(schema, refer)]),
  );
}

function refTo(name: string): JsonSchema {
  return { $ref: `#/definitions/${name}` };
}

/** What a JSON pointer in an address means; one that is broken names nothing. */
function unescape(pointer: string): string {
  try {
    return decodeURIComponent(pointer).replaceAll('~1', '/').replaceAll('~0', '~');
  } catch {
    return pointer;
  }
}

function recordOf(value: unknown): JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonSchema) : {};
}

import type { Json, Schema } from '../types.js';

export interface Resolved {
  readonly schema: Schema;
  /** Whether `null` is allowed, too. */
  readonly isNullable: boolean;
}

/** References may lead in a circle. */
const MAX_STEPS = 16;

/** What a schema says in one place: references followed, `null` set apart, choices of values as one `enum`. */
export function resolveSchema(given: Schema, root: Schema): Resolved {
  let schema = given;
  let isNullable = false;
  for (let step = 0; step < MAX_STEPS; step++) {
    isNullable ||= schema.nullable === true;
    const next = nextOf(schema, root);
    if (!next) return { schema: withoutNull(schema), isNullable: isNullable || allowsNull(schema) };
    isNullable ||= next.isNullable;
    schema = next.schema;
  }
  return { schema: {}, isNullable };
}

function nextOf(schema: Schema, root: Schema): Resolved | undefined {
  const { $ref, anyOf, oneOf, allOf, ...own } = schema;
  if ($ref !== undefined) return { schema: { ...targetOf($ref, root), ...own }, isNullable: false };
  const [only] = allOf ?? [];
  if (only && allOf?.length === 1) return { schema: { ...only, ...own }, isNullable: false };
  const choices = anyOf ?? oneOf;
  if (!choices) return undefined;
  const others = choices.filter((choice) => choice.type !== 'null');
  const isNullable = others.length < choices.length;
  const [first] = others;
  if (first && others.length === 1) return { schema: { ...first, ...own }, isNullable };
  const values = others.map(valuesOf);
  if (values.every((each) => each !== undefined)) {
    return { schema: { ...own, enum: values.flat() }, isNullable };
  }
  return undefined;
}

function targetOf(ref: string, root: Schema): Schema {
  if (ref === '#') return root;
  const [, place, name = ''] = /^#\/(\$defs|definitions)\/([^/]+)$/.exec(ref) ?? [];
  const definitions = place === '$defs' ? root.$defs : root.definitions;
  return definitions?.[decodeURIComponent(name).replaceAll('~1', '/').replaceAll('~0', '~')] ?? {};
}

/** All that it allows, where it says so one by one. */
function valuesOf({ enum: values, const: only }: Schema): readonly Json[] | undefined {
  return values ?? (only === undefined ? undefined : [only]);
}

function allowsNull({ type, enum: values }: Schema): boolean {
  return (Array.isArray(type) && type.includes('null')) || (values?.includes(null) ?? false);
}

function withoutNull(schema: Schema): Schema {
  const { type, ...others } = schema;
  const types = (typeof type === 'string' ? [type] : (type ?? [])).filter((each) => each !== 'null');
  const values = valuesOf(schema)?.filter((value) => value !== null);
  return {
    ...others,
    ...(types.length > 0 && { type: types.length === 1 ? types[0] : types }),
    ...(values && { enum: values }),
  };
}

import type { Json, Schema } from '../types.js';
import { resolveSchema } from './resolve-schema.js';

interface Common {
  /** Of the property. */
  readonly name: string;
  /** Its place in the form: that of the group above, and its name. */
  readonly path: string;
  readonly title: string;
  readonly about: string | undefined;
  readonly isNeeded: boolean;
  readonly isNullable: boolean;
}

/** An object in the input: a group of fields. */
export interface Group extends Common {
  readonly kind: 'group';
  readonly fields: readonly Field[];
  /** Whether it is given from the beginning. */
  readonly isPreset: boolean;
}

export type Leaf = string | number | boolean;

/** What is typed, chosen or checked. */
export interface Entry extends Common {
  readonly kind: 'text' | 'number' | 'boolean' | 'choice' | 'texts' | 'numbers' | 'json';
  readonly schema: Schema;
  /** Of `choice`. */
  readonly choices: readonly Leaf[];
  readonly preset: Json | undefined;
}

export type Field = Entry | Group;

/** Groups within groups beyond that are JSON. */
const MAX_DEPTH = 4;

/** The form of a schema. `undefined` where there is none: it is no object with properties, or says more than a form can hold. */
export function fieldsOf(root: Schema): readonly Field[] | undefined {
  const { schema } = resolveSchema(root, root);
  return isDrawable(schema) ? childrenOf(schema, root, '', undefined, 1) : undefined;
}

function isDrawable({ type, properties, anyOf, oneOf, allOf }: Schema): boolean {
  const isObject = type === 'object' || type === undefined;
  const hasProperties = properties !== undefined && Object.keys(properties).length > 0;
  return isObject && hasProperties && !anyOf && !oneOf && !allOf;
}

function childrenOf(
  { properties = {}, required = [] }: Schema,
  root: Schema,
  above: string,
  presets: Json | undefined,
  depth: number,
): readonly Field[] {
  return Object.entries(properties).map(([name, given]) => {
    const { schema, isNullable } = resolveSchema(given, root);
    const preset = propertyOf(presets, name) ?? schema.default;
    const path = `${above}/${encodeURIComponent(name)}`;
    const common = {
      name,
      path,
      title: schema.title ?? name,
      about: schema.description,
      isNeeded: required.includes(name) && preset === undefined,
      isNullable,
    };
    if (isDrawable(schema) && depth < MAX_DEPTH) {
      const fields = childrenOf(schema, root, path, preset, depth + 1);
      return { ...common, kind: 'group', fields, isPreset: preset !== undefined && preset !== null };
    }
    const choices = schema.enum?.filter(isLeaf) ?? [];
    return { ...common, kind: kindOf(schema, root, preset), schema, choices, preset };
  });
}

function propertyOf(value: Json | undefined, name: string): Json | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return Object.hasOwn(value, name) ? (value as Readonly<Record<string, Json>>)[name] : undefined;
}

function kindOf(schema: Schema, root: Schema, preset: Json | undefined): Entry['kind'] {
  const { type, enum: choices, items } = schema;
  if (choices) return choices.every(isLeaf) ? 'choice' : 'json';
  if (type === 'string') return 'text';
  if (type === 'number' || type === 'integer') return 'number';
  if (type === 'boolean') return 'boolean';
  if (type !== 'array' || !items) return 'json';
  const { schema: item, isNullable } = resolveSchema(items, root);
  const isListed = preset === undefined || (Array.isArray(preset) && preset.every(isLine));
  if (isNullable || !isListed) return 'json';
  if (item.type === 'string' || item.enum?.every((choice) => typeof choice === 'string')) return 'texts';
  return item.type === 'number' || item.type === 'integer' ? 'numbers' : 'json';
}

function isLeaf(value: Json): value is Leaf {
  return typeof value !== 'object';
}

function isLine(value: Json): boolean {
  return typeof value === 'number' || (typeof value === 'string' && value !== '' && !/[\r\n]/.test(value));
}

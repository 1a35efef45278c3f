import type { Type } from '@nestjs/common';
import type { DiscoveryService } from '@nestjs/core';
import type { StandardJSONSchemaV1, StandardTypedV1 } from '@standard-schema/spec';
import { type FoundTaskType, findTaskTypes } from '../../task-types/find-task-types.js';
import { type InputSchema, isStandardSchema } from '../../task/options/task-options.js';
import type { TaskTypeRef } from '../../task/task-ref.js';
import { type Component, componentNameOf, hasApiProperties, refTo, type Schema } from './openapi-metadata.js';
import { portableSchema } from './portable-schema.js';

const ANY_INPUT: readonly Schema[] = [
  { type: 'object', description: 'Any JSON object.', additionalProperties: true },
  { type: 'array', description: 'Any JSON array.', items: {} },
];

/** What the task types of an application take, as far as their schemas say so. */
export class TaskInputs {
  /** Weak, as the routes stand in the definition of a module, which may outlive the application. */
  #discovery: WeakRef<DiscoveryService> | undefined;

  /** The application whose task types these are: of several with the same module, the newest. */
  readFrom(discovery: DiscoveryService): void {
    this.#discovery = new WeakRef(discovery);
  }

  /** The input of any task type. Schemas may overlap, so this is no `oneOf`. */
  schema(): Schema {
    const inputs = this.#inputs();
    const described = inputs.flatMap(({ name }) => (name === undefined ? [] : [name]));
    const isComplete = inputs.length > 0 && described.length === inputs.length;
    const choices = [...new Set(described)].map(refTo).concat(isComplete ? [] : ANY_INPUT);
    const [only] = choices;
    return only && choices.length === 1 ? only : { anyOf: choices };
  }

  components(): readonly Component[] {
    return this.#inputs().flatMap(({ components }) => components);
  }

  #inputs(): readonly DescribedInput[] {
    const discovery = this.#discovery?.deref();
    return discovery ? findTaskTypes(discovery).map(describe) : [];
  }
}

interface DescribedInput {
  /** The component with its schema; `undefined` where the task type has none. */
  readonly name?: string;
  readonly components: readonly Component[];
}

function describe({ options: { input }, ...ref }: FoundTaskType): DescribedInput {
  if (input === undefined) return { components: [] };
  const standard = standardOf(input);
  if (!standard) return { name: componentNameOf(input as Type), components: [input as Type] };
  const schema = jsonSchemaOf(standard);
  return schema ? componentsOf(ref, schema) : { components: [] };
}

type StandardProps = StandardTypedV1.Props & Partial<StandardJSONSchemaV1.Props>;

/** The schema itself, or the one that a class carries (nestjs-zod) which says nothing of its properties. */
function standardOf(input: InputSchema): StandardProps | undefined {
  if (isStandardSchema(input)) return input['~standard'];
  const { schema, isZodDto } = input as { readonly schema?: unknown; readonly isZodDto?: unknown };
  const carries = isStandardSchema(schema) && (isZodDto === true || !hasApiProperties(input));
  return carries ? schema['~standard'] : undefined;
}

/** Not every library knows all of them. */
const TARGETS = ['openapi-3.0', 'draft-2020-12', 'draft-07'] as const;
type Target = (typeof TARGETS)[number];

/**
 * The JSON Schema of what a client gives; `undefined` where the schema does not say.
 *
 * @param preferred the dialect that is tried first
 */
export function inputSchemaOf(input: InputSchema, preferred: Target = 'openapi-3.0'): Schema | undefined {
  const standard = standardOf(input);
  return standard && jsonSchemaOf(standard, preferred);
}

/** The side of the schema that is sent: what a client gives, before defaults and transforms. */
function jsonSchemaOf(
  { vendor, jsonSchema }: StandardProps,
  preferred: Target = 'openapi-3.0',
): Schema | undefined {
  // What JSON Schema has no word for, zod then describes as anything. Others have no such option.
  const libraryOptions = vendor === 'zod' ? { unrepresentable: 'any' } : {};
  for (const target of new Set([preferred, ...TARGETS])) {
    try {
      const schema = jsonSchema?.input({ target, libraryOptions });
      if (schema) return schema;
    } catch {
      // This target is not supported, or this schema cannot be converted.
    }
  }
  return undefined;
}

function componentsOf({ app, name }: TaskTypeRef, schema: Schema): DescribedInput {
  const own = componentName(app, name, 'Input');
  const definitions = { ...recordOf(schema['definitions']), ...recordOf(schema['$defs']) };
  const nameOf = (definition: string) => componentName(own, definition);
  const pathOf = (ref: string): string | undefined => {
    if (ref === '#') return pathTo(own);
    const [, definition] = /^#\/(?:\$defs|definitions)\/([^/]+)$/.exec(ref) ?? [];
    return definition !== undefined && Object.hasOwn(definitions, definition)
      ? pathTo(nameOf(definition))
      : undefined;
  };
  return {
    name: own,
    components: [
      { name: own, schema: { title: `Input of ${app}/${name}`, ...portableSchema(schema, pathOf) } },
      ...Object.entries(definitions).map(([definition, inner]) => ({
        name: nameOf(definition),
        schema: portableSchema(inner, pathOf),
      })),
    ],
  };
}

function pathTo(component: string): string {
  return String(refTo(component)['$ref']);
}

/** Of characters that the name of a component may have. */
function componentName(...parts: readonly string[]): string {
  return parts.join('.').replaceAll(/[^A-Za-z0-9._-]/g, '_');
}

function recordOf(value: unknown): Schema {
  return typeof value === 'object' && value !== null ? (value as Schema) : {};
}

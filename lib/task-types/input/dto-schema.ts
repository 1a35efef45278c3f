import type { Type } from '@nestjs/common';
import type { getMetadataStorage } from 'class-validator';
import { type InputSchema, isStandardSchema } from '../../task/options/task-options.js';

/** A JSON Schema of what rules of class-validator say. */
export type DtoSchema = { readonly [keyword: string]: unknown };

type Rules = ReturnType<ReturnType<typeof getMetadataStorage>['getTargetValidationMetadatas']>;
type Rule = Rules[number];
type RulesOf = (dto: Type) => Rules;

/** A class may hold itself. */
const MAX_DEPTH = 4;

/**
 * What a class with rules of class-validator takes, as far as its rules and TypeScript's `design:type` say so: enough for a form. What
 * they do not say may be anything. The class itself checks the input.
 *
 * @returns `undefined` for what is no such class, and where class-validator is not installed
 */
export async function dtoSchemaOf(input: InputSchema): Promise<DtoSchema | undefined> {
  if (isStandardSchema(input)) return undefined;
  const rulesOf = await loadRules();
  return rulesOf && objectSchema(input, rulesOf, 0);
}

async function loadRules(): Promise<RulesOf | undefined> {
  try {
    const { getMetadataStorage: storageOf } = await import('class-validator');
    return (dto) => storageOf().getTargetValidationMetadatas(dto, '', true, false);
  } catch {
    // It is not installed.
    return undefined;
  }
}

function objectSchema(dto: Type, rulesOf: RulesOf, depth: number): DtoSchema | undefined {
  const byProperty = new Map<string, Rule[]>();
  for (const rule of rulesOf(dto)) {
    byProperty.set(rule.propertyName, [...(byProperty.get(rule.propertyName) ?? []), rule]);
  }
  if (byProperty.size === 0 || depth >= MAX_DEPTH) return undefined;
  const presets = presetsOf(dto);
  const properties: Record<string, DtoSchema> = {};
  for (const [name, rules] of byProperty) {
    const type: unknown = Reflect.getMetadata('design:type', dto.prototype as object, name);
    const preset = presets[name];
    properties[name] = {
      ...propertySchema(rules, type, rulesOf, depth),
      ...(isLeaf(preset) && { default: preset }),
    };
  }
  const required = [...byProperty].filter(([, rules]) => !rules.some(isCondition)).map(([name]) => name);
  return { type: 'object', properties, required };
}

function propertySchema(rules: readonly Rule[], type: unknown, rulesOf: RulesOf, depth: number): DtoSchema {
  const ofItems = rules.filter(({ each }) => each);
  if (ofItems.length > 0 || type === Array || has(rules, 'isArray')) {
    return { type: 'array', items: leafSchema(ofItems, undefined) };
  }
  if (rules.some((rule) => rule.type === 'nestedValidation') && typeof type === 'function') {
    return objectSchema(type as Type, rulesOf, depth + 1) ?? {};
  }
  return leafSchema(rules, type);
}

function leafSchema(rules: readonly Rule[], type: unknown): DtoSchema {
  const choices = choicesOf(rules);
  if (choices) return { enum: choices };
  if (has(rules, 'isInt')) return { type: 'integer', ...limits(rules, 'min', 'minimum', 'max', 'maximum') };
  if (has(rules, 'isNumber', 'isPositive', 'isNegative', 'min', 'max') || type === Number) {
    return { type: 'number', ...limits(rules, 'min', 'minimum', 'max', 'maximum') };
  }
  if (has(rules, 'isBoolean') || type === Boolean) return { type: 'boolean' };
  if (has(rules, ...TEXTS) || type === String || type === Date) {
    return { type: 'string', ...limits(rules, 'minLength', 'minLength', 'maxLength', 'maxLength') };
  }
  return {};
}

/** Rules that only a text meets. */
const TEXTS = [
  'isString',
  'isLength',
  'minLength',
  'maxLength',
  'matches',
  'isEmail',
  'isUrl',
  'isUuid',
  'isDateString',
  'isIso8601',
  'isDate',
];

function has(rules: readonly Rule[], ...names: readonly string[]): boolean {
  return rules.some(({ name }) => name !== undefined && names.includes(name));
}

function constraintsOf(rules: readonly Rule[], wanted: string): readonly unknown[] | undefined {
  return rules.find(({ name }) => name === wanted)?.constraints;
}

/** Those of `@IsIn` and `@IsEnum`. */
function choicesOf(rules: readonly Rule[]): readonly unknown[] | undefined {
  const [values] = constraintsOf(rules, 'isIn') ?? constraintsOf(rules, 'isEnum') ?? [];
  if (Array.isArray(values)) return values.every(isLeaf) ? values : undefined;
  if (typeof values !== 'object' || values === null) return undefined;
  // TypeScript gives an enum of numbers its names as values, too.
  return Object.entries(values)
    .filter(([key]) => Number.isNaN(Number(key)))
    .map(([, value]: [string, unknown]) => value);
}

function limits(
  rules: readonly Rule[],
  least: string,
  leastKeyword: string,
  most: string,
  mostKeyword: string,
): DtoSchema {
  const [from] = constraintsOf(rules, least) ?? [];
  const [to] = constraintsOf(rules, most) ?? [];
  return {
    ...(typeof from === 'number' && { [leastKeyword]: from }),
    ...(typeof to === 'number' && { [mostKeyword]: to }),
  };
}

/** `@IsOptional()` and `@ValidateIf()`. */
function isCondition({ type }: Rule): boolean {
  return type === 'conditionalValidation';
}

/** What its properties are initialized with: class-transformer leaves that where an input has no value. */
function presetsOf(dto: Type): Readonly<Record<string, unknown>> {
  try {
    return { ...(new dto() as object) };
  } catch {
    // Its constructor needs something.
    return {};
  }
}

function isLeaf(value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value);
}

import type { StandardSchemaV1 } from '@standard-schema/spec';

/** Whether a value is a Standard Schema. Some are functions, and a class may carry one in its static `~standard`. */
export function isStandardSchema(value: unknown): value is StandardSchemaV1 {
  if (typeof value !== 'function' && (typeof value !== 'object' || value === null)) return false;
  const { '~standard': standard } = value as Partial<StandardSchemaV1>;
  return typeof standard?.validate === 'function';
}

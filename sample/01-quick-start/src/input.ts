import type { StandardSchemaV1 } from '@standard-schema/spec';

/**
 * A Standard Schema by hand, so that the sample needs no library. Schemas of zod, valibot or arktype are given to
 * `@StreamTask({ input })` in the same place.
 */
export function inputSchema<T>(
  read: (input: Readonly<Record<string, unknown>>) => StandardSchemaV1.Result<T>,
): StandardSchemaV1<unknown, T> {
  return {
    '~standard': {
      version: 1,
      vendor: 'quick-start',
      validate: (input) =>
        typeof input === 'object' && input !== null
          ? read(input as Record<string, unknown>)
          : { issues: [{ message: 'expected an object' }] },
    },
  };
}

export function refuse(field: string, message: string): StandardSchemaV1.FailureResult {
  return { issues: [{ message, path: [field] }] };
}

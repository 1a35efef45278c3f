import type { Type } from '@nestjs/common';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { isTooDeep } from '../../cancellation/read-error.js';
import { invalidInput } from '../../task/errors.js';
import type { InputValidation } from '../../task/options/module-task-options.js';
import { type InputSchema, isStandardSchema } from '../../task/options/task-options.js';
import { createDtoValidator, hasDtoRules } from './dto-validator.js';

/** Gives the input as the handler gets it, at once where the schema allows, or throws InvalidInputError. */
export type InputValidator = (input: unknown) => unknown;

/** Makes the validator of a type, which `where` names. One by a class checks with each of the `validations` in turn. */
export async function createInputValidator(
  where: string,
  schema: InputSchema | undefined,
  validations: readonly InputValidation[] = [{}],
): Promise<InputValidator> {
  if (schema === undefined) return (input) => input;
  const validate = isStandardSchema(schema)
    ? standardValidator(where, schema)
    : await classValidator(where, schema, validations);
  return (input) => {
    const refuse = (error: unknown): never => {
      throw isTooDeep(error) ? invalidInput(where, [{ message: 'nested too deeply', path: [] }]) : error;
    };
    try {
      const valid = validate(input);
      return valid instanceof Promise ? valid.catch(refuse) : valid;
    } catch (error) {
      return refuse(error);
    }
  };
}

/** A class of nestjs-zod has a static `schema`. Beside decorators of class-validator a static of that name is something else. */
async function classValidator(
  where: string,
  dto: Type,
  validations: readonly InputValidation[],
): Promise<InputValidator> {
  const { schema, isZodDto } = dto as { readonly schema?: unknown; readonly isZodDto?: unknown };
  if (isStandardSchema(schema) && (isZodDto === true || !(await hasDtoRules(dto)))) {
    return standardValidator(where, schema);
  }
  return createDtoValidator(where, dto, validations);
}

function standardValidator(where: string, schema: StandardSchemaV1): InputValidator {
  const read = (result: StandardSchemaV1.Result<unknown>): unknown => {
    if (!result.issues) return result.value;
    throw invalidInput(
      where,
      result.issues.map(({ message, path = [] }) => ({
        message,
        path: path.map((part) => pathPart(typeof part === 'object' ? part.key : part)),
      })),
    );
  };
  return (input) => {
    const result = schema['~standard'].validate(input);
    // A promise of another realm, or no native one, is no instance of Promise.
    return 'then' in result ? Promise.resolve(result).then(read) : read(result);
  };
}

function pathPart(key: PropertyKey): string | number {
  return typeof key === 'number' ? key : String(key);
}

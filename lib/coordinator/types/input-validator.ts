import { type Type, ValidationPipe } from '@nestjs/common';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { type InputIssue, InvalidInputError } from '../../task/errors/invalid-input.error.js';
import { InvalidTaskTypeError } from '../../task/errors/invalid-task-type.error.js';
import type { InputSchema } from '../../task/task-options.js';

/**
 * Gives the input as the handler gets it, at once where the schema allows.
 *
 * @throws InvalidInputError
 */
export type InputValidator = (input: unknown) => unknown;

/**
 * @param where names the task type in messages
 * @throws InvalidTaskTypeError for a DTO class without class-validator to check it
 */
export async function createInputValidator(
  where: string,
  schema: InputSchema | undefined,
): Promise<InputValidator> {
  if (schema === undefined) return (input) => input;
  const validate = isStandardSchema(schema)
    ? standardValidator(where, schema)
    : await dtoValidator(where, schema);
  return (input) => {
    const refuse = (error: unknown): never => {
      throw isTooDeep(error) ? invalid(where, [{ message: 'nested too deeply', path: [] }]) : error;
    };
    try {
      const valid = validate(input);
      return valid instanceof Promise ? valid.catch(refuse) : valid;
    } catch (error) {
      return refuse(error);
    }
  };
}

/** Validators go down into their input by recursion, and whoever sends it says how deep that is. */
function isTooDeep(error: unknown): boolean {
  const { name, message } = (error ?? {}) as Partial<Error>;
  return name === 'RangeError' && message === 'Maximum call stack size exceeded';
}

function isStandardSchema(schema: InputSchema): schema is StandardSchemaV1 {
  return '~standard' in schema;
}

function standardValidator(where: string, schema: StandardSchemaV1): InputValidator {
  const read = (result: StandardSchemaV1.Result<unknown>): unknown => {
    if (!result.issues) return result.value;
    throw invalid(
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

async function dtoValidator(where: string, dto: Type): Promise<InputValidator> {
  // Loaded here, because the pipe ends the process when it finds them missing.
  const [validatorPackage, transformerPackage] = await Promise.all([
    load(where, 'class-validator', () => import('class-validator')),
    load(where, 'class-transformer', () => import('class-transformer')),
  ]);
  const pipe = new ValidationPipe({
    transform: true,
    validatorPackage,
    transformerPackage,
    exceptionFactory: (errors) =>
      invalid(
        where,
        errors.flatMap((error) => issuesOf(error, [])),
      ),
  });
  return (input) => {
    if (typeof input !== 'object' || input === null || Array.isArray(input)) {
      throw invalid(where, [{ message: 'expected an object', path: [] }]);
    }
    return pipe.transform(input, { type: 'body', metatype: dto });
  };
}

async function load<T>(where: string, name: string, loader: () => Promise<T>): Promise<T> {
  try {
    return await loader();
  } catch (cause) {
    throw new InvalidTaskTypeError(
      `The input of ${where} is a class, which needs "${name}": npm install class-validator class-transformer`,
      { cause },
    );
  }
}

/** The part of class-validator's ValidationError that is read here. */
interface DtoError {
  readonly property: string;
  readonly constraints?: Readonly<Record<string, string>>;
  readonly children?: readonly DtoError[];
}

function issuesOf(error: DtoError, above: readonly string[]): InputIssue[] {
  const path = [...above, error.property];
  const own = Object.values(error.constraints ?? {}).map((message) => ({ message, path }));
  return [...own, ...(error.children ?? []).flatMap((child) => issuesOf(child, path))];
}

function pathPart(key: PropertyKey): string | number {
  return typeof key === 'number' ? key : String(key);
}

function invalid(where: string, issues: readonly InputIssue[]): InvalidInputError {
  const [first] = issues;
  const at = first && first.path.length > 0 ? ` at "${first.path.join('.')}"` : '';
  return new InvalidInputError(`Invalid input for ${where}${at}: ${first?.message ?? 'refused'}`, issues);
}

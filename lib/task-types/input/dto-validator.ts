import { type Type, ValidationPipe } from '@nestjs/common';
import type { ApplicationConfig } from '@nestjs/core';
import { validationOptionsOf } from '../../internals/nest-internals.js';
import { type InputIssue, invalidInput, InvalidTaskTypeError } from '../../task/errors.js';
import type { InputValidation } from '../../task/options/module-task-options.js';

/** Validates by a class, with each of these options in turn, and gives an instance of it. A class must have a rule. */
export async function createDtoValidator(
  where: string,
  dto: Type,
  validations: readonly InputValidation[],
): Promise<(input: unknown) => Promise<unknown>> {
  // Loaded here, because the pipe ends the process when it finds them missing.
  const [validatorPackage, transformerPackage] = await Promise.all([
    load(where, 'class-validator', () => import('class-validator')),
    load(where, 'class-transformer', () => import('class-transformer')),
  ]);
  if (!(await hasDtoRules(dto))) {
    throw new InvalidTaskTypeError(
      `The input of ${where} is the class ${dto.name || 'without a name'}, which has no decorator of class-validator, so any input would pass; decorate its properties, or set "input" to a Standard Schema`,
    );
  }
  const pipes = validations.map(
    (validation) =>
      new ValidationPipe({
        ...validation,
        transform: true,
        validatorPackage,
        transformerPackage,
        exceptionFactory: (errors) =>
          invalidInput(
            where,
            errors.flatMap((error) => issuesOf(error, [])),
          ),
      }),
  );
  return async (input) => {
    if (typeof input !== 'object' || input === null || Array.isArray(input)) {
      throw invalidInput(where, [{ message: 'expected an object', path: [] }]);
    }
    let valid: unknown = input;
    for (const pipe of pipes) valid = await pipe.transform(valid, { type: 'body', metatype: dto });
    return valid;
  };
}

/** Whether class-validator knows any rule for a class, a rule of a class that it extends included. */
export async function hasDtoRules(dto: Type): Promise<boolean> {
  try {
    const { getMetadataStorage } = await import('class-validator');
    return getMetadataStorage().getTargetValidationMetadatas(dto, '', true, false).length > 0;
  } catch {
    // It is not installed.
    return false;
  }
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
  readonly constraints?: Readonly<Record<string, string | undefined>>;
  readonly children?: readonly DtoError[];
}

function issuesOf(error: DtoError, above: readonly string[]): InputIssue[] {
  const path = [...above, error.property];
  // With `dismissDefaultMessages` a rule without a message of its own has an empty one, or none.
  const own = Object.values(error.constraints ?? {}).map((text) => ({
    message: text === undefined || text === '' ? 'is not valid' : text,
    path,
  }));
  return [...own, ...(error.children ?? []).flatMap((child) => issuesOf(child, path))];
}

/**
 * The options of the global `ValidationPipe`s of an application with HTTP, so that an input is validated as the body of a
 * route is. One that is made for each request is not there when types are found.
 */
export function globalValidations(config: ApplicationConfig | undefined): InputValidation[] {
  return (config?.getGlobalPipes() ?? []).flatMap((pipe) => {
    if (!(pipe instanceof ValidationPipe)) return [];
    const { validatorOptions, transformOptions } = validationOptionsOf(pipe);
    return [{ ...validatorOptions, ...(transformOptions && { transformOptions }) }];
  });
}

import { ValidationPipe } from '@nestjs/common';
import type { ApplicationConfig } from '@nestjs/core';
import { validationOptionsOf } from '../internals/nest-internals.js';
import type { InputValidation } from '../task/task-options.js';

/**
 * The options of the global `ValidationPipe`s of an application with HTTP, so that an input is validated as the body of a
 * route is. One that is made for each request is not there when types are found.
 */
export function globalValidations(config: ApplicationConfig | undefined): InputValidation[] {
  return (config?.getGlobalPipes() ?? []).flatMap((pipe) =>
    pipe instanceof ValidationPipe ? [optionsOf(pipe)] : [],
  );
}

function optionsOf(pipe: ValidationPipe): InputValidation {
  const { validatorOptions, transformOptions } = validationOptionsOf(pipe);
  return { ...validatorOptions, ...(transformOptions && { transformOptions }) };
}

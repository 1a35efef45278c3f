import type { ValidationPipeOptions } from '@nestjs/common';
import type { TaskDefaults } from './task-options.js';

/**
 * How an `input` that is a class is validated: class-validator's `ValidatorOptions`, and in `transformOptions` what
 * class-transformer takes for `plainToInstance`.
 *
 * @publicApi
 */
export type InputValidation = Pick<
  ValidationPipeOptions,
  | 'enableDebugMessages'
  | 'skipUndefinedProperties'
  | 'skipNullProperties'
  | 'skipMissingProperties'
  | 'whitelist'
  | 'forbidNonWhitelisted'
  | 'groups'
  | 'always'
  | 'strictGroups'
  | 'dismissDefaultMessages'
  | 'validationError'
  | 'forbidUnknownValues'
  | 'stopAtFirstError'
  | 'transformOptions'
>;

/**
 * What `forRoot({ tasks })` takes: defaults for every task type, and how inputs are validated.
 *
 * @publicApi
 */
export interface ModuleTaskOptions extends TaskDefaults {
  /** For every `input` that is a class. @defaultValue the options of the global `ValidationPipe`, if there is one */
  validation?: InputValidation | undefined;
}

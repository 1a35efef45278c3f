import type { Type, ValidationPipeOptions } from '@nestjs/common';
import type { StandardSchemaV1 } from '@standard-schema/spec';

/**
 * How many events and bytes of a task's log are kept for watchers that come late or come back.
 *
 * @publicApi
 */
export interface ReplayLimits {
  /** At least 1. @defaultValue 1 000 */
  events?: number;
  /** Encoded bytes; at least `maxEventBytes`. @defaultValue 1 048 576 */
  bytes?: number;
}

/**
 * What can be set for every task type in `forRoot({ tasks })` and for one in `@StreamTask()`. Times are milliseconds.
 *
 * @publicApi
 */
export interface TaskDefaults {
  /** Most time for the whole run, all tries together; `null` for no limit. @defaultValue null */
  timeout?: number | null;
  /** Most time between two events while a try runs; `null` for no limit. @defaultValue null */
  idleTimeout?: number | null;
  /** Most time to wait for a free place; `null` for no limit. @defaultValue null */
  pendingTimeout?: number | null;
  /** How long a cancelled handler may take to clean up before it is abandoned. @defaultValue 10 000 */
  grace?: number;
  /** Handlers of one type running at once in this process; the rest wait, first in first out. @defaultValue unlimited */
  concurrency?: number;
  /** How many may wait for a place; more are refused with `TOO_MANY_TASKS`. @defaultValue 10 000 */
  maxPending?: number;
  /** How often a failing run is tried. One that was cancelled or timed out is never tried again. @defaultValue 1 */
  attempts?: number;
  /** The wait before the next try: milliseconds, or a function of the number of the try that failed. @defaultValue 1 000 */
  backoff?: number | ((attempt: number) => number);
  /** What a handler ends as that was cancelled and returns normally. @defaultValue 'cancelled' */
  swallowedCancel?: 'cancelled' | 'completed';
  /** Cancel when nobody has watched for this long; `null` for never. @defaultValue null */
  cancelWhenUnwatched?: number | null;
  /** Send a `cancelling` event when a cancellation is accepted. @defaultValue false */
  announceCancelling?: boolean;
  /** Most encoded bytes of the data of one event, and of a result. @defaultValue 262 144, or `replay.bytes` when that is less */
  maxEventBytes?: number;
}

/**
 * How inputs are validated whose `input` is a class: class-validator's `ValidatorOptions`, and in `transformOptions` what
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
  /** Holds for every `input` that is a class. @defaultValue the options of the global `ValidationPipe`, where there is one */
  validation?: InputValidation;
}

/**
 * Validates the input of a task: a Standard Schema (zod, valibot, arktype …), or a class with class-validator decorators.
 *
 * @publicApi
 */
export type InputSchema = StandardSchemaV1 | Type;

/**
 * What a schema gives: the input as the handler gets it.
 *
 * @publicApi
 */
export type ValidInput<Schema extends InputSchema> = Schema extends StandardSchemaV1
  ? StandardSchemaV1.InferOutput<Schema>
  : Schema extends Type<infer Dto>
    ? Dto
    : unknown;

/**
 * @publicApi
 */
export interface StreamTaskOptions extends TaskDefaults {
  /**
   * Groups task types, first part of the URL.
   * @defaultValue the name of the module that provides the class, without `Module`, in kebab-case
   */
  app?: string;
  /** Second part of the URL, matched exactly. @defaultValue the name of the class */
  name?: string;
  /** Validates and types the input. @defaultValue none: any input is taken */
  input?: InputSchema;
  /** @defaultValue that of the module */
  replay?: ReplayLimits;
}

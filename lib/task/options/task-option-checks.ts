import {
  anything,
  boolean,
  countOrInfinity,
  duration,
  func,
  mustBe,
  integer,
  limit,
  object,
  oneOf,
  texts,
} from './check-options.js';
import { isStandardSchema } from './task-options.js';
import { isTaskName } from '../task-ref.js';

export const taskChecks = {
  timeout: limit,
  idleTimeout: limit,
  pendingTimeout: limit,
  grace: duration,
  concurrency: countOrInfinity(1),
  globalConcurrency: countOrInfinity(1),
  maxPending: countOrInfinity(0),
  attempts: countOrInfinity(1),
  backoff: mustBe(
    'a number of milliseconds, 0 or more, or a function of the attempt',
    (value) => typeof value === 'function' || duration(value) === undefined,
  ),
  resumable: boolean,
  swallowedCancel: oneOf('cancelled', 'completed'),
  cancelWhenUnwatched: limit,
  announceCancelling: boolean,
  maxEventBytes: integer(1),
};

/** Those of class-validator, and class-transformer's, which are its own to check. */
export const validationChecks = {
  enableDebugMessages: boolean,
  skipUndefinedProperties: boolean,
  skipNullProperties: boolean,
  skipMissingProperties: boolean,
  whitelist: boolean,
  forbidNonWhitelisted: boolean,
  groups: texts,
  always: boolean,
  strictGroups: boolean,
  dismissDefaultMessages: boolean,
  validationError: { target: boolean, value: boolean },
  forbidUnknownValues: boolean,
  stopAtFirstError: boolean,
  transformOptions: object,
};

export const replayChecks = { events: integer(1), bytes: integer(1) };

export const taskName = mustBe('1 to 64 of A-Z a-z 0-9 . _ ~ - and neither "." nor ".."', isTaskName);

export const streamTaskChecks = {
  ...taskChecks,
  app: taskName,
  name: taskName,
  input: mustBe(
    'a Standard Schema or a class with class-validator decorators',
    (value) => typeof value === 'function' || isStandardSchema(value),
  ),
  state: { initial: anything, reduce: func },
  replay: replayChecks,
};

export * from './cancellation/index.js';

export {
  CommitAbandonedError,
  type InputIssue,
  InvalidEventError,
  InvalidInputError,
  InvalidOptionsError,
  InvalidQueryError,
  InvalidResultError,
  InvalidStateError,
  InvalidTaskIdError,
  InvalidTaskTypeError,
  LogUnavailableError,
  ShuttingDownError,
  StoreUnavailableError,
  TaskEndedError,
  TaskFailedError,
  TaskNotFoundError,
  TaskTimeoutError,
  TaskTypeConflictError,
  TaskTypeNotFoundError,
  ThrownValueError,
  TooManySignalsError,
  TooManyTasksError,
} from './task/errors.js';

export type { StandardSchemaV1 } from '@standard-schema/spec';
export type { Json, JsonInput } from './task/json/json.js';
export { type EventTask, OnTaskEvent, type OnTaskEventOptions } from './task/on-task-event.decorator.js';
export { StreamTask } from './task/stream-task.decorator.js';
export type { AnyEvents } from './task/handler-events.js';
export { type TaskCleanup, TaskContext } from './task/task-context.js';
export type { GapCause, LifecycleEventType, RetryCause, TaskEvent } from './task/task-event.js';
export type { HandlerReturn, InputOf, ResultOf, TaskHandler } from './task/task-handler.interface.js';
export type { InputValidation, ModuleTaskOptions } from './task/options/module-task-options.js';
export type {
  InputSchema,
  ReplayLimits,
  StreamTaskOptions,
  TaskDefaults,
  ValidInput,
} from './task/options/task-options.js';
export type { FoldedEvent, TaskFold } from './task/options/task-fold.js';
export type { TaskMap, TaskMapEntry } from './task/task-map.js';
export type { TaskOutcome } from './task/task-outcome.js';
export type { TaskRef, TaskTypeRef } from './task/task-ref.js';
export type { Progress, TaskSnapshot } from './task/task-snapshot.js';
export type { TaskStatus, TerminalStatus } from './task/task-status.js';

export type { EngineFactory } from './engine/engine-factory.js';
export type {
  CancelOptions,
  ShutdownReport,
  StartOptions,
  TaskFilter,
  TaskPage,
} from './coordinator/coordinator.options.js';
export { CoordinatorService } from './coordinator/coordinator.service.js';
export type { TaskHandle } from './coordinator/task-handle.js';

export type { StreamPathOptions } from './http/stream-paths.js';
export { StreamingExceptionFilter } from './http/errors/streaming-exception.filter.js';
export { StreamingController } from './http/streaming.controller.js';
export { describeStreams, type OpenApiDocument } from './http/openapi/describe-streams.js';
export type { PlatformRequest, PlatformResponse } from './http/request/http-exchange.js';
export {
  type CancelAnswer,
  type JsonSchema,
  type ListAnswer,
  StreamingHttpService,
  type TypesAnswer,
} from './http/streaming-http.service.js';
export type { AuthorizeRequest, TaskAction, TaskAuthorizer } from './http/access/task-authorizer.js';

export {
  StreamingModule,
  type StreamingModuleAsyncOptions,
  type StreamingOptionsFactory,
} from './streaming.module.js';
export type {
  HttpOptions,
  HttpRouteOptions,
  ReplayOptions,
  ShutdownOptions,
  StreamingModuleOptions,
} from './streaming.options.js';

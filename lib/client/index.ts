export type { RetryOptions, StreamingClientOptions } from './client.options.js';
export { createStreamingClient } from './create-streaming-client.js';
export {
  type InputIssue,
  StreamingConnectionError,
  StreamingRequestError,
  TaskCancelledError,
  TaskFailedError,
  TaskGoneError,
  TaskTimeoutError,
} from './errors.js';
export type {
  ListFilter,
  StreamingClient,
  TaskClient,
  TaskList,
  TaskPage,
  WatchedRef,
} from './streaming-client.js';
export type { EventsOptions, TaskRun } from './task-run.js';
export type {
  AnyTask,
  AnyTasks,
  Connection,
  RunEvent,
  RunOutcome,
  RunState,
  ShapeOf,
  TaskShape,
  TaskShapes,
} from './task-types.js';
export type { TaskRef, TaskTypeRef } from '../task/task-ref.js';
export type { Progress, TaskSnapshot } from '../task/task-snapshot.js';
export type { TaskStatus } from '../task/task-status.js';

/**
 * `nestjs-streaming/task`: what a file with a task imports. Its declarations name nothing of Nest, RxJS or Node, so that a
 * client can import the types of tasks.
 *
 * @packageDocumentation
 */
export type { CancelReason } from '../cancellation/cancel-reason.js';
export type { AnyEvents } from './handler-events.js';
export type { Json, JsonInput } from './json/json.js';
export type { FoldedEvent, TaskFold } from './options/task-fold.js';
export type { StreamTaskOptions } from './options/task-options.js';
export { StreamTask } from './stream-task.decorator.js';
export { TaskContext } from './task-context.js';
export type { InputOf, ResultOf, TaskHandler } from './task-handler.interface.js';
export type { TaskMap, TaskMapEntry } from './task-map.js';
export type { Progress } from './task-snapshot.js';

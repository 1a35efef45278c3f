import type { Observable } from 'rxjs';
import type { TaskContext } from './task-context.js';

/**
 * What a class decorated with `@StreamTask()` implements.
 *
 * `process` may be an `async` function, an async generator (each yielded value becomes a `progress` event; the returned
 * value, or else the last yielded one, is the result) or may return an Observable (each value a `progress` event, the
 * last one the result). A yielded number is `{ percent }`.
 *
 * @typeParam Input what the task is started with
 * @typeParam Result what it ends with; JSON
 * @publicApi
 */
export interface TaskHandler<Input = unknown, Result = unknown> {
  process(task: TaskContext<Input>): HandlerReturn<Result>;
}

/**
 * @publicApi
 */
export type HandlerReturn<Result> =
  Result | Promise<Result> | AsyncGenerator<unknown, Result | void, unknown> | Observable<Result>;

/**
 * The input of a task type.
 *
 * @publicApi
 */
export type InputOf<T> = T extends { process(task: TaskContext<infer Input>): unknown } ? Input : unknown;

/**
 * The result of a task type.
 *
 * @publicApi
 */
export type ResultOf<T> = T extends { process(task: never): infer Returned }
  ? Unwrapped<Awaited<Returned>>
  : unknown;

type Unwrapped<R> =
  R extends AsyncGenerator<infer Yielded, infer Returned, unknown>
    ? [Returned] extends [void]
      ? Yielded
      : Returned
    : R extends Observable<infer Value>
      ? Value
      : R;

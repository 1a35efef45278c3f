import type { TaskContext } from './task-context.js';

/**
 * What a class decorated with `@StreamTask()` implements.
 *
 * `process` may be:
 *
 * - an `async` function: what it returns is the result
 * - a generator, async or not: each yielded value becomes a `progress` event. The returned value, or else the last yielded
 *   one, is the result
 * - a function that returns an async iterable (a web or Node stream too) or an Observable: each value becomes a `progress`
 *   event, and the last one is the result
 *
 * A yielded number is `{ percent }`.
 *
 * @typeParam Input what the task is started with
 * @typeParam Result what it ends with; JSON
 * @publicApi
 */
export interface TaskHandler<Input = unknown, Result = unknown> {
  process(task: TaskContext<Input>): HandlerReturn<Result>;
}

/**
 * What `process()` may return.
 *
 * @publicApi
 */
export type HandlerReturn<Result> =
  Result | Promise<Result> | HandlerSource<Result> | Promise<HandlerSource<Result>>;

/** What gives values one after the other. */
type HandlerSource<Result> =
  | AsyncGenerator<unknown, Result | void, unknown>
  | Generator<unknown, Result | void, unknown>
  | AsyncIterable<Result>
  | ObservableOf<Result>
  | InteropOf<Result>;

/** An Observable of RxJS, which declarations of tasks do not name: a page compiles them, too. */
interface ObservableOf<Value> {
  subscribe(next: (value: Value) => void): unknown;
}

declare global {
  interface SymbolConstructor {
    /** As RxJS declares it. */
    readonly observable: symbol;
  }
}

/** What RxJS can make an Observable of. */
interface InteropOf<Value> {
  [Symbol.observable]: () => {
    subscribe(observer: { next(value: Value): void; error(error: unknown): void; complete(): void }): unknown;
  };
}

/**
 * The input of a task type.
 *
 * @publicApi
 */
export type InputOf<T> = T extends { process(task: TaskContext<infer Input, infer _Events>): unknown }
  ? Input
  : unknown;

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
    : R extends Generator<infer Yielded, infer Returned, unknown>
      ? [Returned] extends [void]
        ? Awaited<Yielded>
        : Returned
      : R extends ObservableOf<infer Value>
        ? Value
        : R extends AsyncIterable<infer Value>
          ? Value
          : R extends InteropOf<infer Value>
            ? Value
            : R;

import { useCallback, useMemo, useRef, useState } from 'react';
import { type InputIssue, type StreamingConnectionError, StreamingRequestError } from '../client/errors.js';
import type { AnyTask, TaskClient, TaskRun, TaskShape, TaskTypeRef } from '../client/index.js';
import { useTaskClient } from './streaming-provider.js';

/**
 * What {@link useStartTask} gives.
 *
 * @publicApi
 */
export interface StartTask<S extends TaskShape = AnyTask> {
  /**
   * Starts a task. A rejection is in `error` too, so the promise may be left alone.
   *
   * @param options `id`: starts it once, however often it is called
   */
  readonly run: (input: S['input'], options?: { readonly id?: string }) => Promise<TaskRun<S>>;
  /** Whether an answer is awaited. */
  readonly pending: boolean;
  /** Why the last start has failed; `issues` says what is wrong with the input. */
  readonly error: StreamingRequestError | StreamingConnectionError | Error | undefined;
  /** The same issues by field: `fields['items.0.price']`. What is wrong with the input as a whole is in `fields['']`. */
  readonly fields: Readonly<Record<string, readonly string[]>>;
  /** Forgets the error. */
  readonly reset: () => void;
}

interface State {
  readonly pending: number;
  readonly error: Error | undefined;
}

const IDLE: State = { pending: 0, error: undefined };
const NO_FIELDS: StartTask['fields'] = {};

/**
 * Starts tasks of a type. An unmount takes nothing back.
 *
 * @param task what `client.task(app, name)` gives; or `{ app, name }`, below a `StreamingProvider`
 * @example
 * const start = useStartTask(transcode);
 * const submit = async () => show((await start.run({ path })).id);
 * @publicApi
 */
export function useStartTask<S extends TaskShape>(task: TaskClient<S>): StartTask<S>;
export function useStartTask<S extends TaskShape = AnyTask>(task: TaskTypeRef): StartTask<S>;
export function useStartTask<S extends TaskShape>(task: TaskClient<S> | TaskTypeRef): StartTask<S> {
  const client = useTaskClient<S>(task);
  const [{ pending, error }, setState] = useState(IDLE);
  /** Of the last start: an older one that fails later is not shown. */
  const last = useRef(0);
  const run = useCallback<StartTask<S>['run']>(
    (input, options) => {
      const own = ++last.current;
      setState((state) => ({ pending: state.pending + 1, error: undefined }));
      const started = client.start(input, options);
      const settle = (failure: Error | undefined): void =>
        setState((state) => ({
          pending: state.pending - 1,
          error: own === last.current ? failure : state.error,
        }));
      started.then(() => settle(undefined), settle);
      return started;
    },
    [client],
  );
  const reset = useCallback(() => setState((state) => ({ ...state, error: undefined })), []);
  const fields = useMemo(() => fieldsOf(error), [error]);
  return { run, pending: pending > 0, error, fields, reset };
}

function fieldsOf(error: Error | undefined): StartTask['fields'] {
  const issues = error instanceof StreamingRequestError ? error.issues : undefined;
  if (!issues) return NO_FIELDS;
  // A path may have any name.
  const fields = Object.create(null) as Record<string, string[]>;
  for (const { path, message } of issues) (fields[pathOf(path)] ??= []).push(message);
  return fields;
}

function pathOf(path: InputIssue['path']): string {
  return path?.join('.') ?? '';
}

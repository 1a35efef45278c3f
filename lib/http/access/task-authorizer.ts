import type { TaskRef } from '../../task/task-ref.js';

/**
 * What a request wants to do with a task.
 *
 * @publicApi
 */
export type TaskAction = 'start' | 'watch' | 'status' | 'cancel' | 'signal' | 'list';

/**
 * What an authorizer is asked.
 *
 * @publicApi
 */
export interface AuthorizeRequest<Request = unknown> {
  readonly action: TaskAction;
  readonly ref: TaskRef;
  /** The `owner` that the task was started with. */
  readonly owner?: string;
  /** The request of Express or Fastify, after the guards. */
  readonly request: Request;
}

/**
 * Decides who may do what with which task over HTTP. It is asked at every request, so also whenever a watcher reconnects.
 * For `list` it is asked about each task. Tasks that it denies are left out.
 *
 * @publicApi
 */
export interface TaskAuthorizer<Request = unknown> {
  /**
   * If it throws, the whole request fails, also one of many tasks: with its `HttpException`, or with `500`.
   *
   * @returns `true` to allow; `false` for `403 FORBIDDEN`; `'hide'` for the `404` of a task that does not exist. A stream of
   *   many tasks sends an `unavailable` event instead, and goes on with the others
   */
  authorize(request: AuthorizeRequest<Request>): boolean | 'hide' | Promise<boolean | 'hide'>;
}

import type { TaskRef } from '../task/task-ref.js';

/**
 * What a request wants to do with a task.
 *
 * @publicApi
 */
export type TaskAction = 'start' | 'watch' | 'status' | 'cancel' | 'signal' | 'list';

/**
 * @publicApi
 */
export interface AuthorizeRequest<Request = unknown> {
  readonly action: TaskAction;
  readonly ref: TaskRef;
  /** Who the task belongs to: the `owner` it was started with. */
  readonly owner?: string;
  /** The request of the platform, Express's or Fastify's, as guards have left it. */
  readonly request: Request;
}

/**
 * Decides who may do what with which task over HTTP. Asked again at every request, so also whenever a watcher comes
 * back. For `list` it is asked once for each task; those it refuses are left out.
 *
 * @publicApi
 */
export interface TaskAuthorizer<Request = unknown> {
  /**
   * What it throws is no refusal, it is an error of the request: an `HttpException` is answered as it is, anything else with
   * `500`. That holds for a request of many tasks, too, as a whole: whether that task may be seen is not known.
   *
   * @returns `true` to allow; `false` for `403 FORBIDDEN`; `'hide'` for the `404` of a task that does not exist. Of many
   *   tasks a stream tells that one is `unavailable`, and goes on with the others
   */
  authorize(request: AuthorizeRequest<Request>): boolean | 'hide' | Promise<boolean | 'hide'>;
}

/**
 * `nestjs-streaming/cancellation`: scopes that are cancelled as a tree, for code that knows neither tasks nor Nest.
 *
 * @packageDocumentation
 */
export type { CancelKind, CancelReason, TimeoutOf } from './cancel-reason.js';
export type { Backoff } from './backoff.js';
export { CancelScope, runScope } from './cancel-scope.js';
export { CancelledError } from './cancelled.error.js';
export { isCancellation } from './is-cancellation.js';
export type { RetryOptions } from './retry.js';
export type { ResultsOf, ScopeBody, TaskGroup } from './scope-body.js';
export { ScopeEndedError } from './scope-ended.error.js';
export { ScopeTimeoutError } from './scope-timeout.error.js';
export { StreamingError } from './streaming.error.js';
export { UnrecoverableError } from './unrecoverable.error.js';

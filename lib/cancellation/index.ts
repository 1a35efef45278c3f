/**
 * `nestjs-streaming/cancellation`: scopes that are cancelled as a tree, for code that knows neither tasks nor Nest.
 *
 * @packageDocumentation
 */
export type { CancelKind, CancelReason, TimeoutOf } from './cancel-reason.js';
export type { Backoff } from './time/backoff.js';
export { CancelScope, runScope } from './scope/cancel-scope.js';
export {
  CancelledError,
  ScopeEndedError,
  ScopeTimeoutError,
  StreamingError,
  UnrecoverableError,
} from './errors.js';
export { isCancellation } from './is-cancellation.js';
export type { RetryOptions } from './scope/retry.js';
export type { ResultsOf, ScopeBody, TaskGroup } from './scope/scope-body.js';

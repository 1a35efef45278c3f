import { CancelledError } from './cancelled.error.js';
import { readProperty } from './read-error.js';

/** What a signal speaks for: a scope in its tree. */
interface ScopeInTree {
  /** The scope whose cancellation reaches this one. */
  readonly above: ScopeInTree | undefined;
}

const abortNames: ReadonlySet<unknown> = new Set(['AbortError']);
/** Node and this package; axios; a query that PostgreSQL cancelled. */
const abortCodes: ReadonlySet<unknown> = new Set(['ABORT_ERR', 'ERR_CANCELED', '57014']);

const scopes = new WeakMap<AbortSignal, ScopeInTree>();

/** Remembers which scope a signal speaks for, so that {@link isCancellation} knows every error of that scope. */
export function bindSignal(signal: AbortSignal, scope: ScopeInTree): void {
  scopes.set(signal, scope);
}

/**
 * Tells whether an error is how the cancellation of `signal` shows itself, rather than a failure of its own.
 *
 * Only ever true when the signal is aborted, and then for: its reason; a `CancelledError` of the same scope or of one
 * above it; an error whose `cause` chain leads to one of these; the abort errors of Node, the web, axios and
 * PostgreSQL; an `AggregateError` or `SuppressedError` of nothing else. The cancellation of another task is a failure
 * here.
 *
 * @param error what was thrown
 * @param signal the signal the throwing code was given
 * @publicApi
 */
export function isCancellation(error: unknown, signal: AbortSignal): boolean {
  if (!signal.aborted) return false;
  return isCancellationOf(error, signal.reason, scopes.get(signal));
}

/**
 * {@link isCancellation} for a cancelled scope whose signal nobody asked for: making one would be dear. An error that
 * holds others is judged by what it holds, whatever caused it.
 */
export function isCancellationOf(error: unknown, reason: unknown, scope: ScopeInTree | undefined): boolean {
  const pending = [error];
  const opened = new Set<unknown>();
  let found = false;
  for (const candidate of pending) {
    const verdict = judge(candidate, reason, scope);
    if (verdict === false) return false;
    if (verdict === true) found = true;
    else if (!opened.has(verdict.holder)) {
      if (verdict.held.length === 0) return false;
      opened.add(verdict.holder);
      for (const held of verdict.held) pending.push(held);
    }
  }
  return found;
}

type Verdict = boolean | { readonly holder: unknown; readonly held: readonly unknown[] };

/** Follows the causes to what decides. */
function judge(error: unknown, reason: unknown, scope: ScopeInTree | undefined): Verdict {
  if (!isCancelledError(error)) {
    if (abortNames.has(readProperty(error, 'name')) || abortCodes.has(readProperty(error, 'code')))
      return true;
  }
  const seen = new Set<unknown>();
  for (let link = error; link !== undefined && !seen.has(link); link = readProperty(link, 'cause')) {
    if (link === reason) return true;
    if (isCancelledError(link) && isOf(link, scope)) return true;
    const held = heldBy(link);
    if (held) return { holder: link, held };
    seen.add(link);
  }
  return false;
}

/** What an `AggregateError` or a `SuppressedError` holds; by name, as those of another realm are no instances. */
function heldBy(error: unknown): readonly unknown[] | undefined {
  const name = readProperty(error, 'name');
  if (name === 'SuppressedError') return [readProperty(error, 'error'), readProperty(error, 'suppressed')];
  const errors = name === 'AggregateError' ? readProperty(error, 'errors') : undefined;
  return Array.isArray(errors) ? errors : undefined;
}

function isCancelledError(error: unknown): error is CancelledError {
  try {
    return error instanceof CancelledError;
  } catch {
    // A proxy may throw when it is asked for its prototype.
    return false;
  }
}

function isOf(error: CancelledError, scope: ScopeInTree | undefined): boolean {
  const origin = CancelledError.scopeOf(error);
  for (let level = scope; level; level = level.above) if (level === origin) return true;
  return false;
}

import { isAbortError } from './abort-error.js';
import { CancelledError } from './errors.js';
import { isInstance, readHeld, readProperty } from './read-error.js';

/** Tells whether an error is a cancellation that this package does not know: a module's option `isCancellation`. */
export type CancellationRule = (error: unknown, signal: AbortSignal) => boolean;

interface ScopeInTree {
  readonly scopeId: number;
  /** The scope whose cancellation reaches this one. */
  readonly above: ScopeInTree | undefined;
  readonly signal: AbortSignal;
  readonly cancellationRule: CancellationRule | undefined;
}

/** How many causes are followed. An error may make a new cause each time it is asked. */
const MAX_CAUSES = 32;
/** How many errors are looked at that others hold: for the same reason. */
const MAX_HELD_ERRORS = 100_000;

const scopes = new WeakMap<AbortSignal, ScopeInTree>();

/** Remembers which scope a signal belongs to, so that {@link isCancellation} knows every error of that scope. */
export function bindSignal(signal: AbortSignal, scope: ScopeInTree): void {
  scopes.set(signal, scope);
}

/** The task of a signal is over: a signal that is kept keeps no task. Its reason is still known. */
export function unbindSignal(signal: AbortSignal): void {
  scopes.delete(signal);
}

/**
 * Tells whether an error is how the cancellation of `signal` shows itself, rather than a failure.
 *
 * It is `true` only if the signal is aborted, and then for:
 *
 * - the signal's reason, and a `CancelledError` of the same scope or of one above it
 * - an abort error of Node, the web, axios, PostgreSQL, or an SDK whose class is named `…AbortError`
 * - what the module's option `isCancellation` recognizes
 * - an error whose `cause` chain leads to one of these; 32 causes are followed
 * - an `AggregateError` or a `SuppressedError` that holds nothing else
 *
 * The cancellation of another task is a failure here.
 *
 * @param error what was thrown
 * @param signal the signal that the throwing code was given
 * @publicApi
 */
export function isCancellation(error: unknown, signal: AbortSignal): boolean {
  if (!signal.aborted) return false;
  const scope = scopes.get(signal);
  return isCancellationOf(error, { reason: signal.reason, scope, signal });
}

interface Cancellation {
  readonly reason: unknown;
  readonly scope: ScopeInTree | undefined;
  /** Left out where the scope's signal is meant: making one is expensive, and only a rule needs it. */
  readonly signal?: AbortSignal;
}

/** An error that holds others is judged by what it holds, whatever caused it. */
export function isCancellationOf(error: unknown, cancellation: Cancellation): boolean {
  const pending: unknown[] = [error];
  const opened = new Set<unknown>();
  let found = false;
  for (const candidate of pending) {
    const verdict = judge(candidate, cancellation);
    if (verdict === false) return false;
    if (verdict === true) {
      found = true;
      continue;
    }
    if (opened.has(verdict.holder)) continue;
    const { length } = verdict.held;
    if (length === 0 || pending.length + length > MAX_HELD_ERRORS) return false;
    opened.add(verdict.holder);
    for (const held of verdict.held) pending.push(held);
  }
  return found;
}

type Verdict = boolean | { readonly holder: unknown; readonly held: readonly unknown[] };

/** Follows the causes to what decides. */
function judge(error: unknown, cancellation: Cancellation): Verdict {
  const { reason, scope } = cancellation;
  const seen = new Set<unknown>();
  let link = error;
  for (let followed = 0; followed <= MAX_CAUSES && link !== undefined && !seen.has(link); followed++) {
    if (link === reason) return true;
    if (isInstance(link, CancelledError)) {
      if (isOf(link, scope)) return true;
    } else if (isAbortError(link)) return true;
    const held = readHeld(link, MAX_HELD_ERRORS + 1);
    if (held) return { holder: link, held };
    seen.add(link);
    link = readProperty(link, 'cause');
  }
  return isRecognized(error, cancellation);
}

function isRecognized(error: unknown, { scope, signal }: Cancellation): boolean {
  const rule = scope?.cancellationRule;
  return scope !== undefined && rule !== undefined && rule(error, signal ?? scope.signal);
}

function isOf(error: CancelledError, scope: ScopeInTree | undefined): boolean {
  const origin = CancelledError.scopeOf(error);
  if (origin === undefined) return false;
  for (let level = scope; level; level = level.above) if (level.scopeId === origin) return true;
  return false;
}

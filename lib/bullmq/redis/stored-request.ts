import type { CancelKind, CancelReason } from '../../cancellation/cancel-reason.js';
import type { AcceptedRequest } from '../../run/task-history.js';

/** A request to cancel a task, as every instance can read it. */
export interface StoredRequest {
  /** Tells one that was sent again from a second one. */
  readonly id: string;
  readonly kind: CancelKind;
  readonly detail?: string;
  readonly by?: string;
  /** What the handler has for its cleanup, in milliseconds. */
  readonly grace?: number;
}

/** What a task may be cancelled for is JSON, but for errors of the application that came with it. */
export function plainReason({ kind, detail, by, of, timeout }: CancelReason): object {
  return { kind, detail, by, of, timeout };
}

export function storedRequest(json: string): StoredRequest {
  return JSON.parse(json) as StoredRequest;
}

/** The reason, and what was asked for after it. */
export function requestsFrom(
  reason: CancelReason | null,
  requests: readonly StoredRequest[],
): AcceptedRequest[] {
  const first = reason ?? { kind: 'external' };
  const at = requests.findIndex(
    ({ kind, detail, by }) => kind === first.kind && detail === first.detail && by === first.by,
  );
  return at < 0 ? [first] : [first, ...requests.slice(at + 1)];
}

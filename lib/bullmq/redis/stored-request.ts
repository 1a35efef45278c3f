import type { CancelKind } from '../../cancellation/cancel-reason.js';

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

export function storedRequest(json: string): StoredRequest {
  return JSON.parse(json) as StoredRequest;
}

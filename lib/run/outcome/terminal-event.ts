import type { CancelKind, CancelReason } from '../../cancellation/cancel-reason.js';
import { toJson } from '../../task/json/json.js';
import type { Decision } from './decide-outcome.js';
import { publicError } from '../public-error.js';

/** What a reason is called on the wire. */
const WIRE_REASONS: Partial<Record<CancelKind, string>> = {
  external: 'external_cancellation',
  self: 'self_cancellation',
};

/** Writes reasons as JSON. Watchers do not see who asked. */
class ReasonData {
  /** Without a detail it is the same for every task. */
  readonly #plain = new Map<CancelKind, string>();

  constructor(
    private readonly message?: string,
    private readonly abandoned?: true,
  ) {}

  of({ kind, detail }: CancelReason): string {
    if (detail !== undefined) return this.#write(kind, detail);
    let json = this.#plain.get(kind);
    if (json === undefined) this.#plain.set(kind, (json = this.#write(kind)));
    return json;
  }

  #write(kind: CancelKind, detail?: string): string {
    const { message, abandoned } = this;
    return toJson({ message, reason: WIRE_REASONS[kind] ?? kind, detail, abandoned });
  }
}

const cancelling = new ReasonData();
const cancelled = new ReasonData('Task was cancelled');
const cancelledAndAbandoned = new ReasonData('Task was cancelled', true);

/** The data of a `cancelling` event, as one line of JSON. */
export function cancellingEventData(reason: CancelReason): string {
  return cancelling.of(reason);
}

/** The data of the terminal event, as one line of JSON. */
export function terminalEventData({ status, json, error, reason, abandoned }: Decision): string {
  switch (status) {
    case 'completed':
      return `{"finalValue":${json ?? 'null'}}`;
    case 'failed':
      return toJson(publicError(error));
    case 'cancelled':
      return (abandoned ? cancelledAndAbandoned : cancelled).of(reason as CancelReason);
    case 'timeout':
      return toJson({
        message: 'Task timed out',
        of: reason?.of,
        timeout: reason?.timeout,
        abandoned: abandoned ? true : undefined,
      });
  }
}

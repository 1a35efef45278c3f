import type { CancelKind, CancelReason } from '../../cancellation/cancel-reason.js';
import { toJson } from '../../task/json/json.js';
import type { Decision } from './decide-outcome.js';
import { publicError } from '../public-error.js';

/** What a reason is called on the wire. */
const WIRE_REASONS: Partial<Record<CancelKind, string>> = {
  external: 'external_cancellation',
  self: 'self_cancellation',
};

/** The reason of a `cancelling` or `cancelled` event, for JSON. Watchers do not see who asked. */
export function wireReason({ kind, detail }: CancelReason): { reason: string; detail: string | undefined } {
  return { reason: WIRE_REASONS[kind] ?? kind, detail };
}

/** The data of the terminal event, as one line of JSON. */
export function terminalEventData({ status, json, error, reason, abandoned }: Decision): string {
  const left = { abandoned: abandoned ? true : undefined };
  switch (status) {
    case 'completed':
      return `{"finalValue":${json ?? 'null'}}`;
    case 'failed':
      return toJson(publicError(error));
    case 'cancelled':
      return toJson({ message: 'Task was cancelled', ...wireReason(reason as CancelReason), ...left });
    case 'timeout':
      return toJson({ message: 'Task timed out', of: reason?.of, timeout: reason?.timeout, ...left });
  }
}

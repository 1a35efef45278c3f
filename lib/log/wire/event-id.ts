/** A position in a log: that of the event with this `seq`, or the start when it is 0. */
export interface EventId {
  readonly epoch: string;
  readonly seq: number;
}

export function formatEventId(epoch: string, seq: number): string {
  return `${epoch}-${seq}`;
}

/** Other instances and versions may mint epochs of another length: the wire format allows 8 to 20 characters. */
const PATTERN = /^([a-z0-9]{8,20})-(0|[1-9][0-9]{0,15})$/;

export function parseEventId(id: string): EventId | undefined {
  const match = PATTERN.exec(id);
  if (!match) return undefined;
  const seq = Number(match[2]);
  return Number.isSafeInteger(seq) ? { epoch: match[1] as string, seq } : undefined;
}

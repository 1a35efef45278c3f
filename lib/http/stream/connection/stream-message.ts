import { chunkOf, type EventChunk } from '../../../log/event-chunk.js';
import { formatFrame } from '../../../log/event-frame.js';

/** An event on its way to one client. */
export interface StreamMessage {
  readonly type: string;
  /** One line of JSON. */
  readonly json: string;
  /** What the client sends back to go on behind it. */
  readonly id: string;
}

export function chunkOfMessage({ type, json, id }: StreamMessage): EventChunk {
  return chunkOf(formatFrame(type, json, id));
}

/** About what it takes on the wire: the id of one among many tasks may be longer than its data. */
export function lengthOf({ type, json, id }: StreamMessage): number {
  return type.length + json.length + id.length;
}

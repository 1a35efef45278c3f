import { encodeFrame } from '../../../log/event-frame.js';

/** An event on its way to one client. */
export interface StreamMessage {
  readonly type: string;
  /** One line of JSON. */
  readonly json: string;
  /** What the client sends back to go on behind it. */
  readonly id: string;
}

export function frameOf({ type, json, id }: StreamMessage): Buffer {
  return encodeFrame(type, json, id);
}

/** About what it takes on the wire: the id of one among many tasks may be longer than its data. */
export function lengthOf({ type, json, id }: StreamMessage): number {
  return type.length + json.length + id.length;
}

import type { MessageEvent } from '@nestjs/common';
import { FeedConnection } from './feed-connection.js';
import { lengthOf, type StreamMessage } from './stream-message.js';

/**
 * A stream whose events go through the application's interceptors, and are written by Nest. Several times as dear as one
 * that writes for itself.
 */
export class EmittedConnection extends FeedConnection {
  protected send(messages: readonly StreamMessage[]): void {
    this.within(() => {
      for (const message of messages) this.emit(messageEvent(message));
    });
    // Nest queues what it is given: it gets more when that is out.
    this.output.settle(messages.reduce((sum, message) => sum + lengthOf(message), 0));
  }
}

/**
 * Data that is no object or array stays as its JSON: Nest writes text as it is, and no `data:` line for `null`.
 */
function messageEvent({ type, json, id }: StreamMessage): MessageEvent {
  const isObject = json.startsWith('{') || json.startsWith('[');
  return { type, id, data: isObject ? (JSON.parse(json) as object) : json };
}

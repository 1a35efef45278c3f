import type { MessageEvent } from '@nestjs/common';
import { parseCompositeId } from '../../../log/composite-id.js';
import { chunkOf } from '../../../log/event-chunk.js';
import type { LogBroadcast } from '../broadcast/log-broadcast.js';
import type { NestCarrier } from '../output/stream-carrier.js';
import type { WatchedTask } from '../watched-task.js';
import { type Envelope, FeedConnection } from './feed-connection.js';
import { formatRelayed } from './relayed-message.js';
import type { ConnectionInit } from './stream-connection.js';
import type { StreamMessage } from './stream-message.js';

/**
 * A stream whose events go through the application's interceptors. What comes out of them is written one by one, so it is
 * several times as expensive as a stream that shares its chunks.
 */
export class EmittedConnection extends FeedConnection {
  /** The id of the newest event that was emitted. */
  #newestId: string | undefined;
  /** Whether the last event there will be was written. */
  #isOver = false;

  readonly #carrier: NestCarrier;

  constructor(
    init: ConnectionInit & { readonly carrier: NestCarrier },
    tasks: readonly WatchedTask[],
    broadcastOf: (task: WatchedTask) => LogBroadcast,
    envelope: Envelope | undefined,
  ) {
    super(init, tasks, broadcastOf, envelope);
    this.#carrier = init.carrier;
  }

  protected send(messages: readonly StreamMessage[]): void {
    this.#newestId = messages.at(-1)?.id;
    this.within(() => {
      for (const message of messages) this.#carrier.emit(messageEvent(message));
    });
    // Interceptors may pass the events on later in this turn. Until then it is unknown whether the client takes them.
    this.output.settle();
  }

  override receive(message: MessageEvent): void {
    // Nest would report what an interceptor throws in such a frame. The type is reserved, so no event has it.
    if (this.#isOver || message.type === 'error' || this.response.writableEnded) return;
    const id = this.#positionIn(message);
    this.output.write(chunkOf(formatRelayed(message, id)));
    if (id === undefined || id !== this.#newestId || !this.isDone) return;
    this.#isOver = true;
    this.#carrier.end(this);
  }

  /** Ends the events. What interceptors still hold of them is written before Nest ends the response. */
  override complete(): void {
    this.within(() => this.#carrier.stopEmitting());
  }

  /** Its id, if it is a position in what is watched here, and not one that an interceptor made up. */
  #positionIn({ id }: MessageEvent): string | undefined {
    if (typeof id !== 'string') return undefined;
    if (id === this.#newestId) return id;
    const epochs = parseCompositeId(id)?.byEpoch;
    return epochs && this.epochs.some((epoch) => epochs.has(epoch)) ? id : undefined;
  }
}

/**
 * Data that is no object or array stays as its JSON: text would be written as it is, and `null` not at all.
 */
function messageEvent({ type, json, id }: StreamMessage): MessageEvent {
  const isObject = json.startsWith('{') || json.startsWith('[');
  return { type, id, data: isObject ? (JSON.parse(json) as object) : json };
}

import { joinChunks } from '../../../log/event-chunk.js';
import { FeedConnection } from './feed-connection.js';
import { chunkOfMessage, type StreamMessage } from './stream-message.js';

/** A stream of many tasks: it writes for itself, in the ids of its own. */
export class FramedConnection extends FeedConnection {
  protected send(messages: readonly StreamMessage[]): void {
    this.output.write(joinChunks(messages.map(chunkOfMessage)));
  }
}

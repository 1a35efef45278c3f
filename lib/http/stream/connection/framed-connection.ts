import { EventChunk } from '../output/event-chunk.js';
import { FeedConnection } from './feed-connection.js';
import { frameOf, type StreamMessage } from './stream-message.js';

/** A stream of many tasks: it writes for itself, in the ids of its own. */
export class FramedConnection extends FeedConnection {
  protected send(messages: readonly StreamMessage[]): void {
    const frames = messages.map(frameOf);
    const bytes = frames.reduce((sum, { length }) => sum + length, 0);
    this.output.write(new EventChunk(frames, bytes));
  }
}

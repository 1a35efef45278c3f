import type { MessageEvent } from '@nestjs/common';
import { parseCompositeId } from '../../../log/wire/composite-id.js';
import { chunkOf } from '../../../log/wire/event-chunk.js';
import type { TaskView } from '../../../engine/task-view.js';
import type { LogBroadcast } from '../broadcast/log-broadcast.js';
import { CHUNK_BYTES } from '../output/response-writer.js';
import type { NestCarrier } from '../output/stream-carrier.js';
import { formatMessageEvent, toMessageEvent } from './nest-message.js';
import { type ConnectionInit, StreamConnection } from './stream-connection.js';
import { isWatched, type ListedTask, TaskList } from './task-list.js';
import { type StreamMessage, TaskSubscription } from './task-subscription.js';

/**
 * A stream that shares no chunks with others: of many tasks, whose ids are its own, or one whose events pass through
 * interceptors. That is several times as expensive as a {@link SharedStream}.
 */
export class OwnStream extends StreamConnection {
  protected readonly tasks: readonly TaskSubscription[];
  readonly #list: TaskList | undefined;
  /** The id of the newest event that was given to the interceptors. */
  #newestId: string | undefined;
  /** Whether the last event there will be has come out of the interceptors. */
  #isOver = false;

  /** @param interceptors set where the application's interceptors see the events: what comes out of them is written one by one */
  constructor(
    init: ConnectionInit,
    tasks: readonly ListedTask[],
    isList: boolean,
    broadcastOf: (view: TaskView) => LogBroadcast,
    private readonly interceptors: NestCarrier | undefined,
  ) {
    super(init);
    const listed = tasks.map((task) =>
      isWatched(task) ? new TaskSubscription(task, broadcastOf(task.view), this) : task,
    );
    this.tasks = listed.filter((task) => task instanceof TaskSubscription);
    this.#list = isList ? new TaskList(listed) : undefined;
  }

  protected begin(): void {
    if (this.#list) this.#send(this.#list.notices);
    for (const { broadcast } of this.tasks) broadcast.schedule();
  }

  protected writeNext(task: TaskSubscription): void {
    const messages: StreamMessage[] = [];
    for (let length = 0; length < CHUNK_BYTES;) {
      const next = task.next();
      if (!next) break;
      const message = this.#list?.wrap(next, task) ?? next;
      messages.push(message);
      // About what it takes on the wire: the id of one among many tasks may be longer than its data.
      length += message.type.length + message.json.length + message.id.length;
    }
    this.#send(messages);
  }

  /** Also what Nest writes itself, which is all there is where no interceptor sees the events. */
  override receive(message: MessageEvent): void {
    if (!this.interceptors) {
      super.receive(message);
      return;
    }
    // Nest would report what an interceptor throws in such a frame. The type is reserved, so no event has it.
    if (this.#isOver || message.type === 'error' || this.response.writableEnded) return;
    const id = this.#positionIn(message);
    this.output.write(chunkOf(formatMessageEvent(message, id)));
    if (id === undefined || id !== this.#newestId || !this.isDone) return;
    this.#isOver = true;
    this.interceptors.end(this);
  }

  /** Where interceptors see the events, it ends those alone: what interceptors still hold is written before the end. */
  override complete(): void {
    const interceptors = this.interceptors;
    if (interceptors) this.within(() => interceptors.stopEmitting());
    else super.complete();
  }

  #send(messages: readonly StreamMessage[]): void {
    if (messages.length === 0) return;
    const interceptors = this.interceptors;
    if (!interceptors) {
      this.writeMessages(messages);
      return;
    }
    this.#newestId = messages.at(-1)?.id;
    this.within(() => {
      for (const message of messages) interceptors.emit(toMessageEvent(message));
    });
    // Interceptors may pass the events on later in this turn. Until then it is unknown whether the client takes them.
    this.output.settle();
  }

  /** Its id, if it is a position in what is watched here, and not one that an interceptor made up. */
  #positionIn({ id }: MessageEvent): string | undefined {
    if (typeof id !== 'string') return undefined;
    if (id === this.#newestId) return id;
    const epochs = parseCompositeId(id)?.byEpoch;
    return epochs && this.tasks.some(({ view }) => epochs.has(view.log.epoch)) ? id : undefined;
  }
}

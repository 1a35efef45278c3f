import { formatCompositeId, noPosition } from '../../../log/composite-id.js';
import { toJson } from '../../../task/json.js';
import { type TaskRef, taskPath } from '../../../task/task-ref.js';
import type { Envelope } from './feed-connection.js';
import type { StreamMessage } from './stream-message.js';
import type { TaskFeed } from './task-feed.js';

/** Why a task of a list cannot be watched. */
export interface Unavailable {
  readonly code: string;
  readonly message: string;
}

/** A task of a list, as a client may watch it. */
export interface ListedTask {
  readonly ref: TaskRef;
  /** Set where it cannot be watched. */
  readonly unavailable?: Unavailable | undefined;
}

/**
 * The events of many tasks on one stream: each tells whose it is and which id it has there, and its own id holds the
 * positions in all of them.
 */
export class TasksEnvelope implements Envelope {
  readonly #tasks: readonly ListedTask[];

  constructor(tasks: readonly ListedTask[]) {
    this.#tasks = tasks;
  }

  /** What comes first: the tasks that cannot be watched. */
  notices(feeds: readonly TaskFeed[]): StreamMessage[] {
    const id = this.#idOf(feeds);
    return this.#tasks.flatMap(({ ref, unavailable }) =>
      unavailable ? [{ type: 'unavailable', json: toJson({ task: taskPath(ref), ...unavailable }), id }] : [],
    );
  }

  wrap({ type, json, id }: StreamMessage, feed: TaskFeed, feeds: readonly TaskFeed[]): StreamMessage {
    const task = taskPath(feed.run.ref);
    return { type, json: `{"task":"${task}","id":"${id}","data":${json}}`, id: this.#idOf(feeds) };
  }

  #idOf(feeds: readonly TaskFeed[]): string {
    let next = 0;
    return formatCompositeId(
      this.#tasks.map(({ unavailable }) => (unavailable ? noPosition : (feeds[next++]?.id ?? noPosition))),
    );
  }
}

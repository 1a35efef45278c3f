import { CompositePosition } from '../../../log/composite-id.js';
import { toJson } from '../../../task/json.js';
import { type TaskRef, taskPath } from '../../../task/task-ref.js';
import type { Envelope } from './feed-connection.js';
import type { StreamMessage } from './stream-message.js';
import type { TaskSubscription } from './task-subscription.js';

/** Why a task of a list cannot be watched. */
export interface Unavailable {
  readonly code: string;
  readonly message: string;
  /** What the stream's id holds for it meanwhile. */
  readonly position: string;
}

/** A task of a list, as a client may watch it. */
export interface ListedTask {
  readonly ref: TaskRef;
  /** Set where it cannot be watched. */
  readonly unavailable?: Unavailable | undefined;
}

/**
 * The events of many tasks on one stream. Each names its task and its id there, and its own id holds the positions in all
 * of them.
 */
export class TasksEnvelope implements Envelope {
  readonly #tasks: readonly ListedTask[];
  /** Where in the list the task of a feed is. */
  readonly #places = new Map<TaskSubscription, number>();
  #position = new CompositePosition([]);

  constructor(tasks: readonly ListedTask[]) {
    this.#tasks = tasks;
  }

  /** The tasks that cannot be watched come first. */
  begin(feeds: readonly TaskSubscription[]): StreamMessage[] {
    const rest = feeds.values();
    const positions = this.#tasks.map(({ unavailable }, place) => {
      if (unavailable) return unavailable.position;
      const feed = rest.next().value as TaskSubscription;
      this.#places.set(feed, place);
      return feed.id;
    });
    this.#position = new CompositePosition(positions);
    const { id } = this.#position;
    return this.#tasks.flatMap(({ ref, unavailable }) => {
      if (!unavailable) return [];
      const { code, message } = unavailable;
      return [{ type: 'unavailable', json: toJson({ task: taskPath(ref), code, message }), id }];
    });
  }

  wrap({ type, json, id }: StreamMessage, feed: TaskSubscription): StreamMessage {
    this.#position.move(this.#places.get(feed) as number, feed.id);
    const task = taskPath(feed.run.ref);
    return { type, json: `{"task":"${task}","id":"${id}","data":${json}}`, id: this.#position.id };
  }
}

import type { Socket } from 'node:net';
import { LOST_POSITION, NO_POSITION } from '../../../log/wire/composite-id.js';
import { formatEventId } from '../../../log/wire/event-id.js';
import { LogCursor, type LogGap, type LogPosition } from '../../../log/read/log-cursor.js';
import { LogEntry } from '../../../log/log-entry.js';
import type { FoldedState, TaskView } from '../../../engine/task-view.js';
import { toJson } from '../../../task/json/json.js';
import { publicSnapshot } from '../../access/public-snapshot.js';
import type { LogBroadcast } from '../broadcast/log-broadcast.js';
import type { StreamConnection } from './stream-connection.js';

/** A task as one client may watch it. */
export interface WatchedTask {
  readonly view: TaskView;
  readonly position: LogPosition;
  /** Whether the gap that the stream begins with may show the owner. */
  readonly showsPrivate: boolean;
}

/** An event or a gap on its way to one client. */
export interface StreamMessage {
  readonly type: string;
  /** One line of JSON. */
  readonly json: string;
  /** What the client sends back to go on behind it. */
  readonly id: string;
}

/** What reads a subscription: the connection of its client. */
export type SubscribedStream = Pick<StreamConnection, 'complete' | 'isBlocked' | 'read' | 'writeEnd'> &
  Partial<Pick<StreamConnection, 'watcher'>>;

/** One task that one client watches. It counts as a watcher, and reads by a cursor of its own when the broadcast has it read. */
export class TaskSubscription {
  readonly view: TaskView;
  readonly cursor: LogCursor;
  /** Set where chunks that all share may go to the client as they are. Read for every event, so it stands here. */
  socket: Socket | undefined;
  #showsPrivate: boolean;
  #isCounted = true;

  constructor(
    { view, position, showsPrivate }: WatchedTask,
    readonly broadcast: LogBroadcast,
    readonly stream: SubscribedStream,
  ) {
    this.view = view;
    this.cursor = new LogCursor(view.log, position);
    this.#showsPrivate = showsPrivate;
    view.attach();
    broadcast.add(this);
  }

  /** The id that a client has to send to go on here. */
  get id(): string {
    const { cursor } = this;
    // One that has not got the state yet begins with it the next time, too.
    if (cursor.isBeforeState) return NO_POSITION;
    return cursor.hasGap ? LOST_POSITION : formatEventId(this.view.log.epoch, cursor.after);
  }

  next(): StreamMessage | undefined {
    if (this.cursor.isBeforeState) return this.#tellState();
    const next = this.cursor.next();
    if (!next) return undefined;
    // Read once: what is encoded by now has to be decoded.
    return next instanceof LogEntry
      ? { type: next.type, json: next.json, id: next.id }
      : this.#describe(next);
  }

  /** What comes next, if it is no event of the log. */
  nextNotice(): StreamMessage | undefined {
    if (this.cursor.isBeforeState) return this.#tellState();
    const gap = this.cursor.nextGap();
    return gap && this.#describe(gap);
  }

  /** Whether it is a watcher still. */
  get isCounted(): boolean {
    return this.#isCounted;
  }

  /** Its client has its end, or has left: it is no watcher any more. */
  uncount(): void {
    if (!this.#isCounted) return;
    this.#isCounted = false;
    this.view.detach();
  }

  close(): void {
    this.uncount();
    this.broadcast.remove(this);
  }

  /** As it is by now, in the words of the moment when it goes out: nothing that is written meanwhile falls between it and what follows. */
  #tellState(): StreamMessage {
    const { folded, status, log } = this.view;
    const { json, seq } = folded as FoldedState;
    this.cursor.goOnBehind(seq);
    return {
      type: 'state',
      json: `{"state":${json},"status":"${status}"}`,
      id: formatEventId(log.epoch, seq),
    };
  }

  #describe({ cause, missed, id, isGone }: LogGap): StreamMessage {
    const snapshot = isGone ? null : publicSnapshot(this.view.record, this.#showsPrivate);
    // The authorizer was asked when the stream began. For a later gap its answer may be another.
    this.#showsPrivate = false;
    return { type: 'gap', json: toJson({ cause, missed, snapshot }), id };
  }
}

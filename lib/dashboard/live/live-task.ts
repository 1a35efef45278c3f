import type { Subscription } from 'rxjs';
import { AsyncContext } from '../../cancellation/async-context.js';
import { Timer } from '../../cancellation/time/timer.js';
import type { TaskView } from '../../engine/task-view.js';
import { quoted, readProperty } from '../../cancellation/read-error.js';
import { LogEntry } from '../../log/log-entry.js';
import { LogCursor } from '../../log/read/log-cursor.js';
import { resume } from '../../log/read/resume.js';
import type { TaskEvent } from '../../task/task-event.js';
import { snapshotOf } from '../../task/task-record.js';
import { isTerminal } from '../../task/task-status.js';
import type { DashboardAccess } from '../access/dashboard-access.js';
import type { DashboardEngine } from '../dashboard-engine.js';
import type { CancelTimes } from './cancel-times.js';
import type { DashboardSnapshot } from '../streaming-dashboard.options.js';
import type { EventWriter } from './event-writer.js';
import type { WatchedBy } from './watched-by.js';

/** Time between two looks at the task, in milliseconds. Events that come meanwhile are sent together. */
const PERIOD = 250;
/** Of one that has ended: it may be started anew, or be kept no longer. */
const ENDED_PERIOD = 2_000;
/** Between two looks at who watches, in milliseconds. Many thousands take longer, and are looked at for at most this part of the time. */
const WATCHERS_PERIOD = 1_000;
const WATCHERS_SHARE = 50;
/** How many events are sent at once, and their bytes. */
const MAX_EVENTS = 500;
const MAX_BYTES = 512 * 1024;

/**
 * One task, as its page shows it: its snapshot where it has changed, and its events. It reads the log as a watcher does, and is not
 * counted as one: a page that somebody left open keeps no task alive.
 */
export class LiveTask {
  /** That of the request: the functions among the options run in it. */
  readonly #context = new AsyncContext();
  #view: TaskView;
  #cursor: LogCursor;
  #subscription: Subscription;
  #shown = '';
  #watchedBy: WatchedBy | undefined;
  #nextWatchers = 0;
  #timer: Timer | undefined;
  #hasNews = true;
  /** Why the last look has failed. */
  #fault: string | undefined;

  constructor(
    private readonly source: DashboardEngine,
    private readonly access: DashboardAccess,
    private readonly times: CancelTimes,
    private readonly writer: EventWriter,
    view: TaskView,
    after: string | undefined,
    private readonly request: object,
  ) {
    this.#view = view;
    this.#cursor = new LogCursor(view.log, resume(view.log, { lastEventId: after }));
    this.#subscription = this.#subscribe();
  }

  begin(): void {
    const { writer } = this;
    writer.onEnd = () => {
      this.#timer?.clear();
      this.#subscription.unsubscribe();
    };
    writer.onReady = () => {
      this.#hasNews = true;
    };
    writer.onClosing = () => this.#send();
    this.#send();
    this.#lookLater();
  }

  #subscribe(): Subscription {
    return this.#view.log.subscribe(() => {
      this.#hasNews = true;
    });
  }

  #lookLater(): void {
    if (this.writer.isOver) return;
    this.#timer = new Timer(this.#hasNews || !isTerminal(this.#view.status) ? PERIOD : ENDED_PERIOD, () => {
      void this.#look().finally(() => this.#lookLater());
    }).unref();
  }

  async #look(): Promise<void> {
    if (!this.writer.isReady) return;
    try {
      const view = await this.source.engine.find(this.#view.ref);
      const isAnother = view && view.log.epoch !== this.#view.log.epoch;
      const isSeen = view && (!isAnother || (await this.#maySee(view)));
      if (this.writer.isOver) return;
      if (!isSeen) {
        this.writer.event('gone', '{}');
        this.writer.end();
        return;
      }
      if (isAnother) this.#follow(view);
      else this.#view = view;
      this.#tellFault(undefined);
      this.#send();
    } catch (error) {
      // The store is away: the next look may find it.
      this.#tellFault(`The task cannot be read: ${quoted(readProperty(error, 'message') ?? error, 200)}`);
    }
  }

  #tellFault(fault: string | undefined): void {
    if (fault === this.#fault) return;
    this.#fault = fault;
    this.writer.event('fault', JSON.stringify({ fault }));
  }

  /** Another run may be of another owner. */
  async #maySee(view: TaskView): Promise<boolean> {
    const task = snapshotOf(view.record);
    return this.#context.run(() => this.access.allows('view', this.request, { task }));
  }

  /** The task was started anew. */
  #follow(view: TaskView): void {
    this.#subscription.unsubscribe();
    this.#view = view;
    this.#cursor = new LogCursor(view.log, { after: 0 });
    this.#subscription = this.#subscribe();
    this.#hasNews = true;
    this.#shown = '';
    this.#watchedBy = undefined;
    this.writer.event('restarted', '{}');
  }

  #send(): void {
    this.#context.run(() => this.#write());
  }

  #write(): void {
    const snapshot = snapshotOf(this.#view.record);
    const times = this.times.of(this.#view, snapshot.status);
    const { inputBytes } = this.#view;
    const shown = this.access.shown<DashboardSnapshot>({
      ...snapshot,
      ...(inputBytes !== undefined && { inputBytes }),
      watchedBy: this.#whoWatches(),
    });
    const { app, name, id, status, createdAt } = snapshot;
    const text = JSON.stringify({
      snapshot: shown ?? { app, name, id, status, createdAt, isHidden: true },
      times,
    });
    if (text !== this.#shown) {
      this.#shown = text;
      this.writer.event('task', `{"now":${Date.now()},${text.slice(1)}`);
    }
    if (this.#hasNews) this.#sendEvents();
  }

  #whoWatches(): WatchedBy {
    const began = performance.now();
    if (this.#watchedBy && began < this.#nextWatchers) return this.#watchedBy;
    this.#watchedBy = this.source.watchedBy(this.#view);
    const ended = performance.now();
    this.#nextWatchers = ended + Math.max(WATCHERS_PERIOD, WATCHERS_SHARE * (ended - began));
    return this.#watchedBy;
  }

  #sendEvents(): void {
    const events: string[] = [];
    let bytes = 0;
    while (events.length < MAX_EVENTS && bytes < MAX_BYTES) {
      const next = this.#cursor.next();
      if (!next) break;
      const json =
        next instanceof LogEntry
          ? this.#eventJson(next.toEvent())
          : JSON.stringify({ id: next.id, type: 'gap', data: { cause: next.cause, missed: next.missed } });
      events.push(json);
      bytes += json.length;
    }
    this.#hasNews = events.length === MAX_EVENTS || bytes >= MAX_BYTES;
    const isDone = this.#cursor.done && isTerminal(this.#view.status);
    if (events.length > 0 || isDone) {
      this.writer.event('events', `{"events":[${events.join(',')}],"isDone":${isDone}}`);
    }
  }

  /** Of one that may not be shown its type and time are. */
  #eventJson(event: TaskEvent): string {
    const { id, type, timestamp } = event;
    return JSON.stringify(this.access.shown(event) ?? { id, type, timestamp, isHidden: true });
  }
}

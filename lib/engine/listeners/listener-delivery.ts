import { AsyncLocalStorage } from 'node:async_hooks';
import { Injectable } from '@nestjs/common';
import { within } from '../../cancellation/time/countdown.js';
import { LogCursor } from '../../log/read/log-cursor.js';
import { LogEntry } from '../../log/log-entry.js';
import type { TaskRun } from '../../run/task-run.js';
import type { TaskTypeRef } from '../../task/task-ref.js';
import { TaskListenerRegistry } from '../../task-types/task-listener.registry.js';
import { type ListenedTask, ListenerFeed } from './listener-feed.js';

/** What the listeners have at least at a shutdown, when the tasks have taken all of its time: as watchers do. */
const MIN_DRAIN = 1_000;

/** What the listeners are given of one run. */
export interface Following {
  /**
   * They get no later events: those are another instance's to give.
   *
   * @param seq of the last one that they get
   */
  stopAfter(seq: number): void;
}

/** Gives the methods with `@OnTaskEvent()` the events of the tasks that they listen to. */
@Injectable()
export class ListenerDelivery {
  readonly #deliveries = new Set<Promise<void>>();
  /** That of the application. A listener runs neither in a task's context, nor in that of a request that loads its module. */
  readonly #inOwnContext = AsyncLocalStorage.snapshot();

  constructor(private readonly listeners: TaskListenerRegistry) {}

  /**
   * Calls the listeners with the events of a run, from its next to its terminal event.
   *
   * @returns `undefined` where no listener is
   */
  follow(run: TaskRun): Following | undefined {
    // Costs an application without listeners nothing.
    if (this.listeners.isEmpty) return undefined;
    const feeds = this.listeners.of(run.ref).map((listener) => new ListenerFeed(run, listener));
    if (feeds.length === 0) return undefined;
    const cursor = new LogCursor(run.log, { after: run.log.lastSeq });
    let last = Infinity;
    const read = (): void => {
      for (let next = cursor.next(); next; next = cursor.next()) {
        if (!(next instanceof LogEntry)) continue;
        if (next.seq <= last) this.#give(next, feeds);
        if (next.seq >= last) return subscription.unsubscribe();
      }
    };
    const subscription = run.log.subscribe(read);
    return {
      stopAfter: (seq) => {
        last = seq;
        if (cursor.after >= seq) subscription.unsubscribe();
      },
    };
  }

  /** Whether anybody here listens to the events of such a task. */
  hears(type: TaskTypeRef): boolean {
    return this.listeners.of(type).length > 0;
  }

  /** Calls the listeners with the end of a task that no instance runs. */
  tell(task: ListenedTask, end: LogEntry): void {
    this.#give(
      end,
      this.listeners.of(task.ref).map((listener) => new ListenerFeed(task, listener)),
    );
  }

  #give(entry: LogEntry, feeds: readonly ListenerFeed[]): void {
    for (const feed of feeds) {
      const delivery = this.#inOwnContext(() => feed.add(entry));
      if (!delivery) continue;
      this.#deliveries.add(delivery);
      void delivery.then(() => this.#deliveries.delete(delivery));
    }
  }

  /** Waits until the listeners are done with what they were given. */
  async drain(ms: number): Promise<void> {
    if (this.#deliveries.size > 0) await within(Math.max(ms, MIN_DRAIN), Promise.all(this.#deliveries));
  }
}

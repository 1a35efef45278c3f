import type { LogEntry } from '../../log/log-entry.js';
import type { Json } from '../../task/json/json.js';
import type { EventTask } from '../../task/on-task-event.decorator.js';
import type { TaskRef } from '../../task/task-ref.js';
import { terminalStatuses } from '../../task/task-status.js';
import type { RunReporter } from '../../run/run-reporter.js';
import type { TaskListener } from '../../task-types/task-listener.js';

/** How many events of one task may wait for one listener. */
const MAX_WAITING = 10_000;

const terminal: ReadonlySet<string> = new Set(terminalStatuses);

/** What a listener is told of the task of an event: a run, or a task that has ended without one. */
export interface ListenedTask {
  readonly ref: TaskRef;
  readonly options: { readonly owner?: string | undefined; readonly metadata?: Json | undefined };
  readonly report: RunReporter;
}

/** Gives the events of one run to one listener: in order, each when the listener is done with the one before. */
export class ListenerFeed {
  #waiting: LogEntry[] = [];
  #isDropping = false;
  #delivery: Promise<void> | undefined;

  constructor(
    private readonly task: ListenedTask,
    private readonly listener: TaskListener,
  ) {}

  /** Takes an event that the listener wants. The promise of a delivery that this begins settles when nothing waits any more. */
  add(entry: LogEntry): Promise<void> | undefined {
    if (!this.listener.wants(entry.type)) return undefined;
    if (this.#waiting.length >= MAX_WAITING && !terminal.has(entry.type)) {
      this.#reportDropping();
      return undefined;
    }
    this.#waiting.push(entry);
    return this.#delivery ? undefined : (this.#delivery = this.#deliver());
  }

  async #deliver(): Promise<void> {
    // A listener does not hold up the sender of the event.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      for (const entry of batch) await this.#call(entry);
    }
    this.#delivery = undefined;
  }

  async #call(entry: LogEntry): Promise<void> {
    try {
      await this.listener.call(entry.toEvent(), this.#described());
    } catch (error) {
      this.task.report.error(`The listener ${this.listener.name} of the event "${entry.type}"`, error);
    }
  }

  /** A fresh object each time: no listener can change what another one gets. */
  #described(): EventTask {
    const { owner, metadata } = this.task.options;
    return {
      ...this.task.ref,
      ...(owner !== undefined && { owner }),
      ...(metadata !== undefined && { metadata: structuredClone(metadata) }),
    };
  }

  #reportDropping(): void {
    if (this.#isDropping) return;
    this.#isDropping = true;
    this.task.report.droppedEvents(this.listener.name, MAX_WAITING);
  }
}

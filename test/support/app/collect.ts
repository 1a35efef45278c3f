import type { TaskEvent } from 'nestjs-streaming';
import type { Observable } from 'rxjs';
import { deferred } from '../wait.js';

export type EventMatch = string | ((event: TaskEvent) => boolean);

/** What an Observable of events has given so far, and how it ends. */
export interface Collected {
  readonly events: TaskEvent[];
  /** The types of {@link events}. */
  readonly types: string[];
  /** All events, when it completes; rejects when it errors. */
  readonly done: Promise<TaskEvent[]>;
  readonly completed: boolean;
  /** The first event that matches, by type or predicate, from the start or when it comes; rejects when none will. */
  until(match: EventMatch): Promise<TaskEvent>;
  unsubscribe(): void;
}

/** Subscribes to events and keeps what comes. */
export function collect(source: Observable<TaskEvent>): Collected {
  const events: TaskEvent[] = [];
  const over = deferred<TaskEvent[]>();
  over.promise.catch(() => undefined);
  const waiting = new Set<() => void>();
  let completed = false;
  let failure: unknown;
  const wake = (): void => {
    for (const look of waiting) look();
  };
  const subscription = source.subscribe({
    next: (event) => {
      events.push(event);
      wake();
    },
    error: (error: unknown) => {
      failure = error;
      over.reject(error);
      wake();
    },
    complete: () => {
      completed = true;
      over.resolve(events);
      wake();
    },
  });
  return {
    events,
    get types() {
      return events.map(({ type }) => type);
    },
    done: over.promise,
    get completed() {
      return completed;
    },
    async until(match) {
      const found = deferred<TaskEvent>();
      const look = (): void => {
        const event = events.find((candidate) =>
          typeof match === 'string' ? candidate.type === match : match(candidate),
        );
        if (event) found.resolve(event);
        else if (failure !== undefined) found.reject(failure);
        else if (completed) found.reject(new Error(`It completed without ${String(match)}`));
      };
      waiting.add(look);
      look();
      try {
        return await found.promise;
      } finally {
        waiting.delete(look);
      }
    },
    unsubscribe() {
      subscription.unsubscribe();
    },
  };
}

import { Observable } from 'rxjs';
import { AsyncContext } from '../cancellation/async-context.js';
import { clock } from '../cancellation/time/clock.js';
import { LogCursor, type LogGap } from '../log/read/log-cursor.js';
import { LogEntry } from '../log/log-entry.js';
import { resume } from '../log/read/resume.js';
import type { Json } from '../task/json/json.js';
import type { TaskEvent } from '../task/task-event.js';
import type { TaskView } from '../engine/task-view.js';
import { snapshotOf } from '../task/task-record.js';

/**
 * The events of a run, for a subscriber in this process and its async context. Replay and going live are one synchronous step,
 * so nothing can fall between them.
 */
export function watchTask(view: TaskView, lastEventId: string | undefined): Observable<TaskEvent> {
  return new Observable((subscriber) => {
    const { log } = view;
    // An empty id counts as none, as in a header.
    const position = resume(log, { lastEventId: lastEventId === '' ? undefined : lastEventId });
    const cursor = new LogCursor(log, position);
    view.attach(cursor);
    subscriber.add(() => view.detach(cursor));
    let reading = false;
    const read = (): void => {
      // A subscriber's own callback may send: what it sends is read by the loop that called it.
      if (reading) return;
      reading = true;
      for (let next = cursor.next(); next && !subscriber.closed; next = cursor.next()) {
        subscriber.next(next instanceof LogEntry ? next.toEvent() : gapEvent(view, next));
      }
      reading = false;
      if (cursor.done) subscriber.complete();
    };
    const context = new AsyncContext();
    subscriber.add(log.subscribe(() => context.run(read)));
    read();
  });
}

function gapEvent(view: TaskView, { id, cause, missed, isGone }: LogGap): TaskEvent {
  const data = { cause, missed, snapshot: isGone ? null : snapshotOf(view.record) };
  return { id, type: 'gap', data: data as unknown as Json, timestamp: clock().epoch() };
}

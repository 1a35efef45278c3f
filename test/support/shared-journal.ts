import type { StreamTaskOptions, TaskContext } from 'nestjs-streaming';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { LogCursor } from '../../lib/log/read/log-cursor.js';
import { LogEntry } from '../../lib/log/log-entry.js';
import type { DecidedEnd } from '../../lib/log/run-journal.js';
import type { AcceptedRequest, TaskHistory } from '../../lib/run/task-history.js';
import type { TaskRun } from '../../lib/run/task-run.js';
import { loneRun, type LoneRun } from './lone-run.js';
import { RemoteJournal } from './remote-journal.js';

/** A journal behind which others may cancel the task, as on many instances. */
export class SharedJournal extends RemoteJournal {
  run!: TaskRun;
  /** What was asked for elsewhere, and the run has not heard of. */
  unseen: AcceptedRequest[] = [];
  /** Whether the task goes on in place of each end. */
  goesOn = false;
  readonly asked: string[] = [];
  readonly ends: DecidedEnd[] = [];
  /** What it waits for before it answers. */
  answer: Promise<unknown> = Promise.resolve();
  /** From here on a cancel comes too late. */
  isClosed = false;

  /** @returns whether it is accepted: then the run hears of it sooner or later */
  cancelElsewhere(request: AcceptedRequest): boolean {
    if (this.isClosed) return false;
    this.unseen.push(request);
    return true;
  }

  /** Tells the run what it has not heard of. What it cannot act on keeps its end from being taken. */
  tellNews(): boolean {
    if (this.run.decided || this.unseen.length === 0) return false;
    for (const { kind, ...details } of this.unseen.splice(0)) this.run.cancel(kind, details);
    return true;
  }

  decide(end: { status: string } | undefined): Promise<'taken' | 'refused'> | undefined {
    this.asked.push(end?.status ?? 'commit');
    // Behind a commit no cancel is accepted any more, whether the task goes on or not.
    if (end && this.#mayGoOn) return undefined;
    return this.answer.then(nextTurn).then(() => {
      if (this.tellNews()) return 'refused';
      this.isClosed = true;
      return 'taken';
    });
  }

  override end(...[type, json, { record }]: Parameters<RemoteJournal['end']>): Promise<void> {
    this.ends.push({ type, json, record });
    const goesOn = this.#mayGoOn;
    if (goesOn) this.run.outlive();
    return nextTurn().then(() => {
      const requests = this.unseen.splice(0);
      if (requests.length > 0) this.ends.push(this.run.decideAgain(requests));
      this.isClosed = true;
      if (goesOn && requests.length === 0) return undefined;
      const last = this.ends.at(-1)!;
      return super.end(last.type, last.json, { record: last.record });
    });
  }

  get #mayGoOn(): boolean {
    return (this.goesOn && !this.run.requests.any) || this.run.isHandedOver;
  }
}

export interface SharedRun extends LoneRun {
  readonly journal: SharedJournal;
}

/** A run without an application, with such a journal. It has not begun. */
export async function sharedRun(
  process: (task: TaskContext) => unknown,
  options?: StreamTaskOptions,
  history?: TaskHistory,
): Promise<SharedRun> {
  const journal = new SharedJournal();
  const lone = await loneRun(journal.log, journal, process, options, history);
  journal.run = lone.run;
  return { journal, ...lone };
}

export function eventsIn({ log }: RemoteJournal): string[] {
  const cursor = new LogCursor(log, { after: 0 });
  const events: string[] = [];
  for (let next = cursor.next(); next; next = cursor.next())
    if (next instanceof LogEntry) events.push(`${next.type} ${next.json}`);
  return events;
}

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { EndingTask, RunJournal, Written } from '../../lib/log/run-journal.js';
import { TaskLog } from '../../lib/log/task-log.js';
import type { TaskSnapshot } from '../../lib/task/task-snapshot.js';
import type { TerminalStatus } from '../../lib/task/task-status.js';

/** The journal of a log that is kept elsewhere: what is written arrives there in order, some turns later. */
export class RemoteJournal implements RunJournal {
  /** As it is kept there. */
  readonly log = new TaskLog({ app: 'test', name: 'work', id: 'one' }, { events: 1_000, bytes: 1 << 20 });
  readonly marks: string[] = [];
  /** Each with the newest event that was there before it. */
  readonly checkpoints: string[] = [];
  /** What the task looked like at its end, as it is kept there. */
  record: TaskSnapshot | undefined;
  /** How many turns the next write takes; `Infinity` for one that never arrives. */
  turns: () => number = () => 1;
  /** Thrown in place of taking what is written next. */
  refusal: Error | undefined;
  #arrived: Promise<void> = Promise.resolve();
  #isFenced = false;

  get lastEventId(): string | null {
    return this.log.lastEventId;
  }

  append(type: string, json: string): Written {
    return this.#write(() => this.log.append(type, json));
  }

  mark(status: string, attempt: number): void {
    if (!this.#isFenced) this.marks.push(`${status} ${attempt}`);
  }

  saveCheckpoint(json: string): Written {
    return this.#write(() => void this.checkpoints.push(`${json} after ${this.log.lastSeq}`));
  }

  end(type: TerminalStatus, json: string, task: EndingTask): Written {
    const { record } = task;
    return this.#write(() => {
      this.record = record;
      this.log.end(type, json);
    });
  }

  /** Another instance owns the task: nothing is taken from here on, nor what is on its way. */
  fence(): void {
    this.#isFenced = true;
  }

  /** Gives the task up: what is on its way still arrives, and nothing that is written later. */
  async release(): Promise<void> {
    await this.#arrived;
    this.fence();
  }

  #write(take: () => void): Written {
    const { refusal } = this;
    this.refusal = undefined;
    if (refusal) throw refusal;
    if (this.#isFenced) return undefined;
    const turns = this.turns();
    this.#arrived = this.#arrived.then(async () => {
      if (turns === Infinity) await new Promise(() => {});
      for (let turn = 0; turn < turns; turn++) await nextTurn();
      if (!this.#isFenced) take();
    });
    return this.#arrived;
  }
}

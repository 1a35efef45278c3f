import { inRootContext } from '../cancellation/async-context.js';
import type { TaskView } from '../engine/task-view.js';
import { taskKey, taskPath } from '../task/task-ref.js';
import { isTerminal } from '../task/task-status.js';
import type { DashboardAccess } from './access/dashboard-access.js';
import type { DashboardEngine } from './dashboard-engine.js';
import type { CancelTimes } from './live/cancel-times.js';
import type { EventWriter } from './live/event-writer.js';
import { matchesRest, matchesStatus, type TableFilter } from './live/task-filter.js';
import { TaskRow } from './live/task-row.js';
import type { TaskTable } from './live/task-table.js';

/** How many requests are on their way at once. */
const AT_ONCE = 20;
/** It stops looking for new ones after so many looks, in which each brought some. */
const MAX_LOOKS = 60;
/** It is told of so often, in milliseconds, at most. */
const TELL = 100;

/** How far it is. */
export interface BulkProgress {
  /** How many matched in the beginning. */
  readonly total: number;
  /** How many of the asked had begun to match only afterwards. */
  readonly came: number;
  readonly asked: number;
  readonly accepted: number;
  /** They had ended, or were past the point of no return. */
  readonly tooLate: number;
  /** They had changed, and matched no more. */
  readonly unmatched: number;
  readonly refused: number;
  readonly failed: number;
}

/**
 * Cancels all that a filter matches, and those that come to match meanwhile: it ends when a look brings none. It stops where its client
 * goes away: it is not asked for any more.
 */
export class BulkCancel {
  readonly #asked = new Set<TaskRow>();
  readonly #progress = {
    total: 0,
    came: 0,
    asked: 0,
    accepted: 0,
    tooLate: 0,
    unmatched: 0,
    refused: 0,
    failed: 0,
  };
  #toldAt = 0;

  constructor(
    private readonly source: DashboardEngine,
    private readonly table: TaskTable,
    private readonly times: CancelTimes,
    private readonly access: DashboardAccess,
    private readonly filter: TableFilter,
    private readonly detail: string | undefined,
    private readonly request: object,
  ) {}

  async run(writer: EventWriter): Promise<BulkProgress & { readonly isWhole: boolean }> {
    // The table is kept while somebody follows it.
    const following = this.table.follow(() => {});
    try {
      return await this.#run(writer);
    } finally {
      following[Symbol.dispose]();
    }
  }

  async #run(writer: EventWriter): Promise<BulkProgress & { readonly isWhole: boolean }> {
    let isDone = false;
    let isWhole = false;
    for (let looks = 0; looks < MAX_LOOKS && !writer.isOver && !isDone; looks++) {
      await this.table.look();
      // The store is away: what there is cannot be known.
      if (this.table.fault !== undefined) break;
      const rows = await this.#matching();
      if (looks === 0) this.#progress.total = rows.length;
      else this.#progress.came += rows.length;
      isDone = looks > 0 && rows.length === 0;
      isWhole = isDone && this.table.isWhole;
      this.#tell(writer, true);
      await this.#cancelEach(rows, writer);
    }
    const outcome = { ...this.#progress, isWhole: isWhole && !writer.isOver };
    writer.line(JSON.stringify({ ...outcome, isDone: true }));
    return outcome;
  }

  async #matching(): Promise<TaskRow[]> {
    const now = Date.now();
    const rows = this.table.rows.filter(
      (row) => row.isActive && !this.#asked.has(row) && this.#matches(row, now),
    );
    const visible = await Promise.all(
      rows.map(async (row) => this.access.allows('view', this.request, { task: row.task })),
    );
    return rows.filter((_, index) => visible[index]);
  }

  #matches(row: TaskRow, now: number): boolean {
    return matchesStatus(this.filter, row) && matchesRest(this.filter, row, now);
  }

  /** Whether it does by now. The options are asked as for the table. */
  #matchesStill(view: TaskView): boolean {
    const row = inRootContext(() => new TaskRow(view, this.access, this.table.version));
    return this.#matches(row, Date.now());
  }

  async #cancelEach(rows: readonly TaskRow[], writer: EventWriter): Promise<void> {
    const left = rows.values();
    const work = async (): Promise<void> => {
      for (const row of left) {
        if (writer.isOver) return;
        this.#asked.add(row);
        this.#progress.asked += 1;
        this.#progress[await this.#cancel(row)] += 1;
        this.#tell(writer);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    this.#tell(writer, true);
  }

  async #cancel({
    task,
    createdAt,
  }: TaskRow): Promise<'accepted' | 'tooLate' | 'unmatched' | 'refused' | 'failed'> {
    try {
      if (!(await this.access.allows('cancel', this.request, { task }))) return 'refused';
      const view = await this.source.engine.find(task);
      // One that was started anew is found by the next look, if it matches.
      if (!view || Date.parse(view.record.createdAt) !== createdAt) return 'tooLate';
      if (isTerminal(view.status)) return 'tooLate';
      if (!this.#matchesStill(view)) return 'unmatched';
      const requestedAt = Date.now();
      const by = this.access.by(this.request);
      const answer = await view.requestCancel({
        ...(this.detail !== undefined && { detail: this.detail }),
        ...(by !== undefined && { by }),
      });
      if (answer === 'ended' || answer === 'decided') return 'tooLate';
      this.times.accepted(view, requestedAt);
      this.access.log('cancel', `${taskPath(task)}, of all that match`, this.request);
      return 'accepted';
    } catch (error) {
      this.access.failed(`cancel ${taskKey(task)}`, error);
      return 'failed';
    }
  }

  #tell(writer: EventWriter, now = false): void {
    if (!now && performance.now() - this.#toldAt < TELL) return;
    this.#toldAt = performance.now();
    if (writer.isReady) writer.line(JSON.stringify(this.#progress));
  }
}

import { AsyncContext } from '../../cancellation/async-context.js';
import type { TaskStatus } from '../../task/task-status.js';
import type { DashboardAccess } from '../access/dashboard-access.js';
import type { EventWriter } from './event-writer.js';
import { matchesRest, matchesStatus, type TableFilter } from './task-filter.js';
import type { TaskRow } from './task-row.js';
import type { TaskTable } from './task-table.js';

/** Minutes of the history, the newest last. */
const MINUTES = 30;
const MINUTE = 60_000;

/** The tasks that one page shows. It has sent each row as of a version, and sends what has changed since. */
export class LiveList {
  /** That of the request: `access` runs in it, whoever has the table look. */
  readonly #context = new AsyncContext();
  /** What was sent, by key: the run and its version. */
  #sent = new Map<TaskRow, number>();
  readonly #visible = new WeakMap<TaskRow, boolean>();
  #summary = '';
  #isFirst = true;
  #isSending = false;
  #isDirty = false;

  constructor(
    private readonly table: TaskTable,
    private readonly access: DashboardAccess,
    private readonly writer: EventWriter,
    private readonly filter: TableFilter,
    private readonly limit: number,
    private readonly request: object,
  ) {}

  begin(): void {
    const { table, writer } = this;
    const following = table.follow(() => this.#send());
    writer.onReady = () => this.#send();
    writer.onEnd = () => following[Symbol.dispose]();
  }

  #send(): void {
    if (this.#isSending || !this.writer.isReady) {
      this.#isDirty = true;
      return;
    }
    this.#isDirty = false;
    const unknown = this.table.rows.flatMap((row) => this.#ask(row) ?? []);
    if (unknown.length === 0) {
      this.#write();
      return;
    }
    this.#isSending = true;
    void Promise.all(unknown).then(() => {
      this.#isSending = false;
      if (this.#isDirty) this.#send();
      else if (this.writer.isReady) this.#write();
    });
  }

  /** Asks once whether a run may be seen. A promise where `access` gives one. */
  #ask(row: TaskRow): Promise<void> | undefined {
    if (this.#visible.has(row)) return undefined;
    const answer = this.#context.run(() => this.access.allows('view', this.request, { task: row.task }));
    if (typeof answer === 'boolean') {
      this.#visible.set(row, answer);
      return undefined;
    }
    return answer.then((isVisible) => void this.#visible.set(row, isVisible));
  }

  #write(): void {
    const now = Date.now();
    const shown: TaskRow[] = [];
    const counts: Partial<Record<TaskStatus, number>> = {};
    const history = Array.from({ length: MINUTES }, () => [0, 0, 0]);
    let total = 0;
    let active = 0;
    for (const row of this.table.rows) {
      if (this.#visible.get(row) !== true || !matchesRest(this.filter, row, now)) continue;
      const { status, endedAt } = row.data;
      counts[status] = (counts[status] ?? 0) + 1;
      if (!matchesStatus(this.filter, row)) continue;
      total += 1;
      if (row.isActive) active += 1;
      if (shown.length < this.limit) shown.push(row);
      const ends = endedAt === null ? undefined : history[MINUTES - 1 - Math.floor((now - endedAt) / MINUTE)];
      const kind = status === 'completed' ? 0 : status === 'failed' || status === 'timeout' ? 1 : 2;
      if (ends) ends[kind] = (ends[kind] ?? 0) + 1;
    }
    const { fault } = this.table;
    const summary = JSON.stringify({ counts, total, active, history, ...(fault !== undefined && { fault }) });
    const changed = shown.filter((row) => this.#sent.get(row) !== row.version);
    const kept = new Map(shown.map((row) => [row, row.version]));
    const keys = new Set(shown.map(({ key }) => key));
    const gone = [...this.#sent.keys()].filter(({ key }) => !keys.has(key)).map(({ key }) => key);
    if (!this.#isFirst && changed.length === 0 && gone.length === 0 && summary === this.#summary) return;
    this.#sent = kept;
    this.#summary = summary;
    const rows = `[${changed.map(({ json }) => json).join(',')}]`;
    this.writer.event(
      this.#isFirst ? 'all' : 'change',
      `{"now":${now},"summary":${summary},"rows":${rows},"gone":${JSON.stringify(gone)}}`,
    );
    this.#isFirst = false;
  }
}

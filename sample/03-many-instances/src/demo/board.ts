import type { Received } from './watcher.js';

export interface Row {
  readonly at: number;
  readonly instance: string;
}

/** A try that another one followed. */
export interface Move {
  readonly cause: string;
  /** Milliseconds from its last row to the beginning of the next try. */
  readonly pause: number;
}

interface TaskState {
  seq: number;
  instance: string;
  /** When its newest try began, and its newest row came. */
  startedAt: number;
  rowAt: number;
  row: number;
  cause: string;
  end: string;
}

/** Where each task runs and how far it is, from what its watchers received: whichever of them was the first. */
export class Board {
  readonly rows: Row[] = [];
  readonly moves: Move[] = [];
  /** Rows that were imported once more. */
  repeated = 0;
  readonly #tasks = new Map<string, TaskState>();
  readonly #waits = new Set<() => void>();

  constructor(readonly ids: readonly string[]) {
    for (const id of ids)
      this.#tasks.set(id, { seq: 0, instance: '', startedAt: 0, rowAt: 0, row: 0, cause: '', end: '' });
  }

  take(task: string, { id, type, data, at }: Received): void {
    const state = this.#tasks.get(task);
    const seq = seqOf(id);
    if (state === undefined || !(seq > state.seq)) return;
    state.seq = seq;
    this.#apply(state, type, JSON.parse(data) as Record<string, unknown>, at);
    for (const look of this.#waits) look();
  }

  /** Resolves with whether it came true in time. */
  async until(isTrue: () => boolean, timeout: number): Promise<boolean> {
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#waits.delete(look);
        resolve(isTrue());
      };
      const look = (): void => {
        if (isTrue()) end();
      };
      const timer = setTimeout(end, timeout);
      this.#waits.add(look);
      look();
    });
  }

  /** Tasks that have not ended and ran there last. */
  on(instance: string): string[] {
    return this.ids.filter((id) => {
      const state = this.#tasks.get(id);
      return state?.instance === instance && state.end === '';
    });
  }

  /** Whether a try of the task began after that and has come to a row, or the task is over. */
  hasGoneOn(task: string, since: number): boolean {
    const { startedAt = 0, rowAt = 0, end = '' } = this.#tasks.get(task) ?? {};
    return (startedAt > since && rowAt > startedAt) || end !== '';
  }

  startedAt(task: string): number {
    return this.#tasks.get(task)?.startedAt ?? 0;
  }

  get allRun(): boolean {
    return [...this.#tasks.values()].every(({ row }) => row > 0);
  }

  get completed(): number {
    return [...this.#tasks.values()].filter(({ end }) => end === 'completed').length;
  }

  #apply(state: TaskState, type: string, data: Record<string, unknown>, at: number): void {
    if (type === 'started') {
      state.startedAt = at;
      if (state.cause !== '') this.moves.push({ cause: state.cause, pause: at - state.rowAt });
      state.cause = '';
    } else if (type === 'retrying') {
      state.cause = String(data['cause']);
    } else if (type === 'progress') {
      const row = Number(data['row']);
      if (row <= state.row) this.repeated++;
      Object.assign(state, { row, rowAt: at, instance: String(data['instance']) });
      this.rows.push({ at, instance: state.instance });
    } else {
      state.end = type;
    }
  }
}

/** What an id says of an event's place: it is `<epoch>-<seq>`. A client has no need to know; a check of the whole has. */
export function seqOf(id: string): number {
  return Number(id.slice(id.lastIndexOf('-') + 1));
}

export function epochOf(id: string): string {
  return id.slice(0, id.lastIndexOf('-'));
}

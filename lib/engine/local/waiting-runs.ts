import type { TaskRun } from '../../run/task-run.js';

/** Runs of one priority, first in first out. One may leave from anywhere. */
class Level {
  readonly #runs = new Set<TaskRun>();
  /** Stands before the first one. An iterator made anew would pass all those that have left before. */
  #first: Iterator<TaskRun, undefined> | undefined;

  constructor(readonly priority: number) {}

  get isEmpty(): boolean {
    return this.#runs.size === 0;
  }

  add(run: TaskRun): void {
    this.#runs.add(run);
  }

  delete(run: TaskRun): boolean {
    return this.#runs.delete(run);
  }

  shift(): TaskRun | undefined {
    if (this.isEmpty) return undefined;
    let first = this.#first?.next().value;
    if (!first) {
      // One that has come to the end finds nothing that is added later.
      this.#first = this.#runs.values();
      first = this.#first.next().value;
    }
    if (first) this.#runs.delete(first);
    return first;
  }
}

/** Runs that wait for a place: the highest priority is next, and of those with the same, the one that came first. */
export class WaitingRuns {
  /** Of priority 0, as most are. */
  readonly #plain = new Level(0);
  /** The other priorities that somebody has, highest first. There are at most 1 000. */
  #levels: Level[] | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(run: TaskRun): void {
    this.#size++;
    const { priority = 0 } = run.options;
    if (priority === 0) this.#plain.add(run);
    else this.#levelOf(priority).add(run);
  }

  /** @returns whether it was there */
  delete(run: TaskRun): boolean {
    const { priority = 0 } = run.options;
    const isThere = priority === 0 ? this.#plain.delete(run) : this.#deleteFrom(priority, run);
    if (isThere) this.#size--;
    return isThere;
  }

  /** Takes the run that is next. */
  shift(): TaskRun | undefined {
    const highest = this.#levels?.[0];
    const next = (highest ?? this.#plain).shift();
    if (next) this.#size--;
    if (highest?.isEmpty) this.#levels?.shift();
    return next;
  }

  #levelOf(priority: number): Level {
    const levels = (this.#levels ??= []);
    const index = this.#indexOf(priority);
    const known = levels[index];
    if (known?.priority === priority) return known;
    const made = new Level(priority);
    levels.splice(index, 0, made);
    return made;
  }

  #deleteFrom(priority: number, run: TaskRun): boolean {
    const index = this.#indexOf(priority);
    const level = this.#levels?.[index];
    if (level?.priority !== priority || !level.delete(run)) return false;
    if (level.isEmpty) this.#levels?.splice(index, 1);
    return true;
  }

  /** Where the level is, or where it would be. */
  #indexOf(priority: number): number {
    const levels = this.#levels ?? [];
    let low = 0;
    let high = levels.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((levels[middle] as Level).priority > priority) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

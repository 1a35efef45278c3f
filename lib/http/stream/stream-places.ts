import type { TaskRun } from '../../coordinator/run/task-run.js';

/** How many streams there may be, in all and of one run. */
export class StreamPlaces {
  readonly #most: number;
  readonly #mostPerRun: number;
  readonly #perRun = new Map<TaskRun, number>();
  #taken = 0;

  constructor(most: number, mostPerRun: number) {
    this.#most = most;
    this.#mostPerRun = mostPerRun;
  }

  isFull(run: TaskRun): boolean {
    return this.#taken >= this.#most || this.#of(run) >= this.#mostPerRun;
  }

  /**
   * @returns gives the place back; to be called once
   */
  take(run: TaskRun): () => void {
    this.#taken++;
    this.#perRun.set(run, this.#of(run) + 1);
    return () => {
      this.#taken--;
      const rest = this.#of(run) - 1;
      if (rest > 0) this.#perRun.set(run, rest);
      else this.#perRun.delete(run);
    };
  }

  #of(run: TaskRun): number {
    return this.#perRun.get(run) ?? 0;
  }
}

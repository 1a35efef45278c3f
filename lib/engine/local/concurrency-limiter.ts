import type { TaskRun } from '../../run/task-run.js';
import type { TaskType } from '../../task-types/task-type.js';

/** Who runs and who waits, of one task type. */
class TypeLimiter {
  readonly #holders = new Set<TaskRun>();
  /** Insertion-ordered, and quick to leave from the middle. */
  readonly #waiting = new Set<TaskRun>();

  constructor(private readonly limit: number) {}

  get waiting(): number {
    return this.#waiting.size;
  }

  get isFull(): boolean {
    return this.#holders.size >= this.limit;
  }

  take(run: TaskRun): void {
    this.#holders.add(run);
  }

  queue(run: TaskRun): void {
    this.#waiting.add(run);
  }

  /** Gives up the run's place, or its wait; returns the run that gets the place. */
  leave(run: TaskRun): TaskRun | undefined {
    this.#waiting.delete(run);
    if (!this.#holders.delete(run)) return undefined;
    const [next] = this.#waiting;
    if (!next || this.isFull) return undefined;
    this.#waiting.delete(next);
    this.#holders.add(next);
    return next;
  }
}

/** The places of all task types: `concurrency` of them each, given first come, first served. */
export class ConcurrencyLimiter {
  readonly #byType = new Map<TaskType, TypeLimiter>();

  /**
   * @param onPlace called with each run that gets its place
   */
  constructor(private readonly onPlace: (run: TaskRun) => void) {}

  /** Whether one more task of this type could neither begin nor wait. */
  isOverfull(type: TaskType): boolean {
    const places = this.#byType.get(type);
    return places !== undefined && places.isFull && places.waiting >= type.options.maxPending;
  }

  /** Gives the run a place, or lets it wait for one. */
  enter(run: TaskRun): void {
    if (run.type.options.concurrency === Infinity) {
      this.onPlace(run);
      return;
    }
    const places = this.#byType.get(run.type) ?? new TypeLimiter(run.type.options.concurrency);
    this.#byType.set(run.type, places);
    if (places.isFull) {
      places.queue(run);
      run.time.awaitPlace();
    } else {
      places.take(run);
      this.onPlace(run);
    }
  }

  /** The run is over, wherever it was. */
  leave(run: TaskRun): void {
    const next = this.#byType.get(run.type)?.leave(run);
    if (!next) return;
    next.time.admit();
    this.onPlace(next);
  }
}

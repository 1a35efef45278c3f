import type { TaskRun } from '../../run/task-run.js';
import type { TaskType } from '../../task-types/task-type.js';
import { WaitingRuns } from './waiting-runs.js';

/** Who runs and who waits, of one task type. */
class TypeLimiter {
  readonly #holders = new Set<TaskRun>();
  /** Their time has not come: they have no place, and no turn. */
  readonly #delayed = new Set<TaskRun>();
  readonly #waiting = new WaitingRuns();

  constructor(private readonly limit: number) {}

  /** Those whose time has not come wait, too. */
  get waiting(): number {
    return this.#waiting.size + this.#delayed.size;
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

  delay(run: TaskRun): void {
    this.#delayed.add(run);
  }

  /** Its time has come. */
  endDelay(run: TaskRun): void {
    this.#delayed.delete(run);
  }

  /** Gives up the run's place, or its wait; returns the run that gets the place. */
  leave(run: TaskRun): TaskRun | undefined {
    if (!this.#holders.delete(run)) {
      if (!this.#waiting.delete(run)) this.#delayed.delete(run);
      return undefined;
    }
    const next = this.isFull ? undefined : this.#waiting.shift();
    if (next) this.#holders.add(next);
    return next;
  }
}

/**
 * The places of all task types, `concurrency` of them each. Of those that wait, the highest `priority` is next, then first come, first
 * served.
 */
export class ConcurrencyLimiter {
  readonly #byType = new Map<TaskType, TypeLimiter>();

  /**
   * @param onPlace called with each run that gets its place
   */
  constructor(private readonly onPlace: (run: TaskRun) => void) {}

  /**
   * Whether one more task of this type could neither begin nor wait.
   *
   * @param isDelayed whether it has to wait though a place is free
   */
  isOverfull(type: TaskType, isDelayed: boolean): boolean {
    const { maxPending } = type.options;
    const places = this.#byType.get(type);
    if (places) return (isDelayed || places.isFull) && places.waiting >= maxPending;
    return isDelayed && maxPending === 0;
  }

  /** Gives the run a place, or lets it wait for one. One with a `delay` waits that long first. */
  enter(run: TaskRun): void {
    const { delay = 0 } = run.options;
    if (delay > 0) this.#delay(run, delay);
    else this.#admit(run);
  }

  #delay(run: TaskRun, ms: number): void {
    const places = this.#placesOf(run.type);
    places.delay(run);
    run.time.awaitStart(ms, () => {
      places.endDelay(run);
      this.#admit(run);
    });
  }

  #admit(run: TaskRun): void {
    if (limitOf(run.type) === Infinity) {
      this.onPlace(run);
      return;
    }
    const places = this.#placesOf(run.type);
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

  #placesOf(type: TaskType): TypeLimiter {
    let places = this.#byType.get(type);
    if (!places) this.#byType.set(type, (places = new TypeLimiter(limitOf(type))));
    return places;
  }
}

/** This process is all instances. */
function limitOf({ options: { concurrency, globalConcurrency } }: TaskType): number {
  return Math.min(concurrency, globalConcurrency);
}

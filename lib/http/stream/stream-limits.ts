import type { TaskView } from '../../engine/task-view.js';
import type { ResolvedHttpOptions } from '../../streaming.options.js';

type Limits = Pick<ResolvedHttpOptions, 'maxStreams' | 'maxStreamsPerTask' | 'maxStreamsPerPrincipal'>;

export interface ReachedLimit {
  readonly option: keyof Limits;
  readonly task?: TaskView;
}

/** How many streams there may be: in all, of one task, and of one principal. */
export class StreamLimits {
  readonly #most: number;
  readonly #perTask: Tally<TaskView>;
  readonly #perPrincipal: Tally<string>;
  #taken = 0;

  constructor({ maxStreams, maxStreamsPerTask, maxStreamsPerPrincipal }: Limits) {
    this.#most = maxStreams;
    this.#perTask = new Tally(maxStreamsPerTask);
    this.#perPrincipal = new Tally(maxStreamsPerPrincipal);
  }

  /** The limit that leaves no place. Of several it is the one nearest to the caller, which tells least about others. */
  reachedLimit(tasks: readonly TaskView[], principal: string | undefined): ReachedLimit | undefined {
    if (principal !== undefined && this.#perPrincipal.isFull(principal)) {
      return { option: 'maxStreamsPerPrincipal' };
    }
    const task = tasks.find((each) => this.#perTask.isFull(each));
    if (task) return { option: 'maxStreamsPerTask', task };
    return this.#taken >= this.#most ? { option: 'maxStreams' } : undefined;
  }

  /** Takes the place of a stream: one, however many tasks it shows, and one of each of these. Gives what gives it back, once. */
  take(tasks: readonly TaskView[], principal: string | undefined): () => void {
    this.#taken++;
    for (const task of tasks) this.#perTask.add(task);
    if (principal !== undefined) this.#perPrincipal.add(principal);
    return () => {
      this.#taken--;
      for (const task of tasks) this.#perTask.remove(task);
      if (principal !== undefined) this.#perPrincipal.remove(principal);
    };
  }
}

/** Counts by key, and keeps nothing of a key that has none. */
class Tally<Key> {
  readonly #counts = new Map<Key, number>();

  constructor(private readonly most: number) {}

  isFull(key: Key): boolean {
    return this.#of(key) >= this.most;
  }

  add(key: Key): void {
    this.#counts.set(key, this.#of(key) + 1);
  }

  remove(key: Key): void {
    const rest = this.#of(key) - 1;
    if (rest > 0) this.#counts.set(key, rest);
    else this.#counts.delete(key);
  }

  #of(key: Key): number {
    return this.#counts.get(key) ?? 0;
  }
}

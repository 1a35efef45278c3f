import { isInstance } from '../read-error.js';
import { nextMicrotask } from '../promises.js';
import type { CancelScope } from './cancel-scope.js';
import type { ResultsOf, ScopeBody, TaskGroup } from './scope-body.js';

/** The children of a group: it ends when they have ended, and fails with what failed. */
export class GroupChildren {
  readonly #group: TaskGroup;
  readonly #errors: unknown[] = [];
  /** Names of the children that failed, as far as they have one. */
  readonly #failed: string[] = [];
  #running = 0;
  #onEmpty: (() => void) | undefined;

  constructor(group: TaskGroup) {
    this.#group = group;
  }

  /** Runs a body in a scope below the group's. */
  add<T>(child: CancelScope, body: ScopeBody<T>, name: string | undefined): Promise<T> {
    this.#running++;
    const result = this.#runChild(child, body, name);
    // The group reports the error, so the promise need not be awaited as well.
    result.catch(() => {});
    return result;
  }

  async #runChild<T>(child: CancelScope, body: ScopeBody<T>, name: string | undefined): Promise<T> {
    const { node } = child;
    // It begins when the code that spawns it has gone on.
    await nextMicrotask;
    try {
      node.throwIfCancelled();
      return await body(child);
    } catch (error) {
      if (!node.explains(error) && !node.hasThrown(error)) {
        this.#errors.push(error);
        if (name !== undefined) this.#failed.push(name);
        this.#cancelRest(error);
      }
      throw error;
    } finally {
      node.retire();
      this.#running--;
      if (this.#running === 0) this.#onEmpty?.();
    }
  }

  /** Runs the body of the group, and waits for all children. */
  async run<T>(body: (group: TaskGroup) => Promise<T>): Promise<T | undefined> {
    const { node } = this.#group;
    let value: T | undefined;
    let failure: { readonly error: unknown } | undefined;
    let withdrawn: { readonly error: unknown } | undefined;
    try {
      if (node.isDeep) await nextMicrotask;
      value = await body(this.#group);
    } catch (error) {
      if (node.hasThrown(error)) withdrawn = { error };
      // One that a child has failed with is not judged again: of groups in one another, each would look through all.
      else if (this.#errors.includes(error) || !node.explains(error)) {
        failure = { error };
        this.#cancelRest(error);
      }
    }
    while (this.#running > 0) {
      await new Promise<void>((resolve) => {
        this.#onEmpty = resolve;
      });
    }
    node.retire();
    const errors = [...this.#errors];
    // A body that waited for the child that failed throws the same error again, and both may wait for the same.
    if (failure && !errors.includes(failure.error)) errors.push(failure.error);
    if (errors.length > 0) {
      const cause = node.above?.cancellation;
      const names = this.#failed.length > 0 ? `: ${this.#failed.join(', ')}` : '';
      throw new AggregateError(errors, `${errors.length} failed in a group${names}`, cause && { cause });
    }
    node.above?.throwIfCancelled();
    if (node.isSelfCancelled) return undefined;
    // The body has thrown a cancellation that was withdrawn meanwhile.
    if (withdrawn && !node.cancelled) throw withdrawn.error;
    return value;
  }

  /** Runs bodies as children, and nothing else. */
  async runAll<const Bodies extends readonly ScopeBody<unknown>[]>(
    bodies: Bodies,
  ): Promise<ResultsOf<Bodies>> {
    try {
      const results = await this.run((group) => Promise.all(bodies.map((body) => group.spawn(body))));
      return results as ResultsOf<Bodies>;
    } catch (error) {
      throw isInstance(error, AggregateError) ? (error.errors[0] as unknown) : error;
    }
  }

  #cancelRest(error: unknown): void {
    const { node } = this.#group;
    if (!node.cancelled) node.interrupt({ kind: 'sibling', error });
  }
}

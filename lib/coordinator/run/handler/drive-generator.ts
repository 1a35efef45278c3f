// Not the global one: a test may fake that.
import { setImmediate } from 'node:timers';
import { isThenable } from '../../../cancellation/promises.js';
import { readProperty } from '../../../cancellation/read-error.js';
import type { RunContext } from './run-context.js';

/** A generator, or an iterator that can be thrown into as one. */
export type AnyGenerator = AsyncGenerator<unknown> | Generator<unknown>;

type Step = IteratorResult<unknown, unknown>;

/** Those of JavaScript itself. What a compiler makes of them is known by its methods alone. */
const NATIVE = new Set(['[object AsyncGenerator]', '[object Generator]']);

/** Whether a value is a generator, async or not, as the language or a compiler makes them. */
export function isGenerator(value: unknown): value is AnyGenerator {
  if (typeof value !== 'object' || value === null) return false;
  if (isNative(value)) return true;
  const { next, throw: raise } = value as Partial<AsyncGenerator<unknown>>;
  return typeof next === 'function' && typeof raise === 'function' && Symbol.asyncIterator in value;
}

function isNative(value: object): boolean {
  return NATIVE.has(Object.prototype.toString.call(value));
}

/**
 * Drives a generator to its end. It stands at each `yield` for one turn of the event loop, so that a loop that only yields
 * can be cancelled.
 *
 * A cancellation is told to it once: at a checkpoint that it waits at, or else thrown at the `yield`. What it yields from
 * then on is sent, and it goes on to its end. A value that cannot be sent is thrown at its `yield`.
 */
export async function driveGenerator(generator: AnyGenerator, context: RunContext): Promise<unknown> {
  return new GeneratorDrive(generator, context).run();
}

class GeneratorDrive {
  readonly #generator: AnyGenerator;
  readonly #context: RunContext;
  readonly #isNative: boolean;
  /** What was thrown into it last. */
  #thrown: unknown;
  #last: unknown;

  constructor(generator: AnyGenerator, context: RunContext) {
    this.#generator = generator;
    this.#context = context;
    this.#isNative = isNative(generator);
  }

  async run(): Promise<unknown> {
    try {
      let step = await this.#go(() => this.#generator.next());
      while (!step.done) step = await this.#go(await this.#stand(step.value));
      return step.value === undefined ? this.#last : step.value;
    } catch (error) {
      // In a `yield*` over an iterator that has no `throw`, JavaScript closes that and throws this error instead.
      if (this.#thrown === this.#context.cancellation && isMissingThrow(error)) throw this.#thrown;
      throw error;
    }
  }

  /** It stands at a `yield`. Gives how it goes on. */
  async #stand(yielded: unknown): Promise<() => unknown> {
    const context = this.#context;
    context.leaveStep();
    let refused: { readonly error: unknown } | undefined;
    try {
      // A sync generator may yield promises.
      this.#last = isThenable(yielded) ? await yielded : yielded;
      context.emitProgress(this.#last);
    } catch (error) {
      refused = { error };
    }
    await turn(context.over);
    const { cancellation } = context;
    if (cancellation && this.#thrown !== cancellation && !context.isTold)
      return () => this.#throw(cancellation);
    if (refused) return () => this.#generator.throw(refused.error);
    return () => this.#generator.next();
  }

  async #go(on: () => unknown): Promise<Step> {
    this.#context.enterStep();
    const step = on();
    if (this.#isNative) return (await step) as Step;
    return isThenable(step) ? this.#goUnlessCancelled(Promise.resolve(step)) : this.#close(undefined);
  }

  #throw(cancellation: unknown): unknown {
    this.#thrown = cancellation;
    if (this.#isNative) return this.#generator.throw(cancellation);
    try {
      return this.#generator.throw(cancellation);
    } catch {
      // It takes no such error: what follows closes it.
      return undefined;
    }
  }

  /**
   * An iterator that only has the methods of a generator may wait for something that never comes, and can be thrown into
   * while it does.
   */
  async #goUnlessCancelled(pending: Promise<unknown>): Promise<Step> {
    const context = this.#context;
    let registration: Disposable | undefined;
    const cancelled = new Promise<void>((resolve) => {
      if (this.#thrown === undefined) registration = context.onCancel(() => resolve());
    });
    const first = await Promise.race([pending.then((step) => ({ step })), cancelled]);
    registration?.[Symbol.dispose]();
    if (first) return stepOf(first.step) ?? this.#close(undefined);
    if (context.isTold) return (await pending) as Step;
    const thrown = this.#throw(context.cancellation);
    if (!isThenable(thrown)) return this.#close(pending);
    const before = stepOf(await pending);
    if (before && !before.done) context.emitProgress((this.#last = before.value));
    return (await thrown) as Step;
  }

  /** Its `throw` is none: it gives no step. */
  async #close(pending: Promise<unknown> | undefined): Promise<Step> {
    pending?.catch(() => {});
    await this.#generator.return(undefined);
    throw this.#context.cancellation ?? new TypeError('The iterator that the handler returned gave no step');
  }
}

function stepOf(value: unknown): Step | undefined {
  return typeof value === 'object' && value !== null ? (value as Step) : undefined;
}

/** One turn of the event loop. A generator whose task has ended goes on, and no longer holds the process. */
function turn(isOver: boolean): Promise<void> {
  return new Promise((resolve) => {
    if (isOver) setTimeout(resolve, 1).unref();
    else setImmediate(resolve);
  });
}

function isMissingThrow(error: unknown): boolean {
  if (readProperty(error, 'name') !== 'TypeError') return false;
  return /does not (?:provide|have) a 'throw' method/.test(String(readProperty(error, 'message')));
}

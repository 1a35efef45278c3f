// Not the global one: a test may fake that.
import { setImmediate } from 'node:timers';
import type { CancelledError } from '../../cancellation/errors.js';
import { isThenable } from '../../cancellation/promises.js';
import { readProperty } from '../../cancellation/read-error.js';
import type { CancelWatch } from './cancel-watch.js';
import { assertStep, isStep, type Step } from './drive-iterable.js';
import type { RunContext } from './run-context.js';

/** A generator, or an iterator that can be thrown into as one. */
type AnyGenerator = AsyncGenerator<unknown> | Generator<unknown>;

/** Those of JavaScript itself. What a compiler makes of them is known by its methods alone. */
const NATIVE = new Set(['[object AsyncGenerator]', '[object Generator]']);

/** Whether a value is a generator, async or not, as the language or a compiler makes them. */
export function isGenerator(value: unknown): value is AnyGenerator {
  if (typeof value !== 'object' || value === null) return false;
  const { next, throw: raise } = value as Partial<AsyncGenerator<unknown>>;
  if (typeof next !== 'function') return false;
  return isNative(value) || (typeof raise === 'function' && Symbol.asyncIterator in value);
}

function isNative(value: object): boolean {
  return NATIVE.has(Object.prototype.toString.call(value));
}

/** Closes a generator; one that is made by hand may have no `return`. */
export async function closeGenerator(generator: AnyGenerator): Promise<void> {
  await (generator as Partial<AnyGenerator>).return?.(undefined);
}

/**
 * Drives a generator to its end. It stands at each `yield` for one turn of the event loop, so that a loop that only yields
 * can be cancelled.
 *
 * A cancellation is told to it once: at a checkpoint that it waits at, or else thrown at the `yield`. What it yields from
 * then on is sent, and it goes on to its end. A value that cannot be sent is thrown at its `yield`.
 *
 * JavaScript does not tell whether a generator awaits a promise. A checkpoint that waits beside its work, begun in the same
 * step, therefore counts as one that it waits at.
 */
export function driveGenerator(
  generator: AnyGenerator,
  context: RunContext,
  watch: CancelWatch,
): Promise<unknown> {
  return new GeneratorDrive(generator, context, watch).run();
}

/** What a promise gave, or the cancellation that came first. */
interface Waited {
  readonly value?: unknown;
  readonly untold?: CancelledError;
}

class GeneratorDrive {
  readonly #isNative: boolean;
  #thrown: unknown;
  #last: unknown;

  constructor(
    private readonly generator: AnyGenerator,
    private readonly context: RunContext,
    private readonly watch: CancelWatch,
  ) {
    this.#isNative = isNative(generator);
  }

  async run(): Promise<unknown> {
    try {
      let step = await this.#go(() => this.generator.next());
      while (!step.done) step = await this.#go(await this.#stand(step.value));
      return step.value === undefined ? this.#last : step.value;
    } catch (error) {
      // In a `yield*` over an iterator that has no `throw`, JavaScript closes that and throws this error instead.
      if (this.#thrown === this.context.node.cancellation && isMissingThrow(error)) throw this.#thrown;
      throw error;
    }
  }

  /** It stands at a `yield`. Gives how it goes on. */
  async #stand(yielded: unknown): Promise<() => unknown> {
    this.context.steps.leave();
    let refused: { readonly error: unknown } | undefined;
    try {
      // A sync generator may yield promises, and one of them may never settle.
      const given = isThenable(yielded) ? await this.#waitUnlessCancelled(yielded) : { value: yielded };
      if (!given.untold) void this.context.emitProgress((this.#last = given.value));
    } catch (error) {
      refused = { error };
    }
    await turn(this.context.node.over);
    const untold = this.#untold;
    if (untold) return () => this.#throw(untold);
    if (refused) return () => this.generator.throw(refused.error);
    return () => this.generator.next();
  }

  /** Waits until the promise settles or there is a cancellation to tell. */
  async #waitUnlessCancelled(promise: PromiseLike<unknown>): Promise<Waited> {
    const awaited = Promise.resolve(promise);
    while (!this.#isTold) {
      const waited = await this.watch.wait(awaited);
      if (waited) return waited;
      const untold = this.#untold;
      if (untold) return { untold };
    }
    return { value: await awaited };
  }

  /** The cancellation that it was not told of. */
  get #untold(): CancelledError | undefined {
    return this.#isTold ? undefined : this.context.node.cancellation;
  }

  get #isTold(): boolean {
    const { cancellation } = this.context.node;
    if (!cancellation) return false;
    return this.#thrown === cancellation || this.context.steps.told === cancellation.reason;
  }

  async #go(on: () => unknown): Promise<Step> {
    this.context.steps.enter();
    const step = on();
    if (this.#isNative) return (await step) as Step;
    return isThenable(step) ? this.#goUnlessCancelled(Promise.resolve(step)) : this.#close();
  }

  #throw(cancellation: unknown): unknown {
    this.#thrown = cancellation;
    if (this.#isNative) return this.generator.throw(cancellation);
    try {
      return this.generator.throw(cancellation);
    } catch {
      // It takes no such error: what follows closes it.
      return undefined;
    }
  }

  /** What is no native generator may wait for something that never comes, and can be thrown into while it does. */
  async #goUnlessCancelled(pending: Promise<unknown>): Promise<Step> {
    const { untold, value } = await this.#waitUnlessCancelled(pending);
    if (!untold) return isStep(value) ? value : this.#close();
    const thrown = this.#throw(untold);
    if (!isThenable(thrown)) return this.#close();
    const answer = Promise.resolve(thrown);
    // Either of them may settle first, or never.
    const first = await Promise.race([
      pending.then((step) => ({ step, isAnswer: false })),
      answer.then((step) => ({ step, isAnswer: true })),
    ]);
    if (first.isAnswer) return assertStep(first.step);
    const before = assertStep(first.step);
    if (!before.done) void this.context.emitProgress((this.#last = before.value));
    return assertStep(await answer);
  }

  /** Its `throw` is none: it gives no step. */
  async #close(): Promise<Step> {
    const { cancellation } = this.context.node;
    await closeGenerator(this.generator);
    throw cancellation ?? new TypeError('The iterator that the handler returned gave no step');
  }
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

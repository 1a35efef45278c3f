import { CancelScope } from '../../../lib/cancellation/scope/cancel-scope.js';
import { CancelledError, ScopeTimeoutError } from '../../../lib/cancellation/errors.js';
import { type Program, rootId, type Step, type Work } from './program.js';
import { VirtualClock, withClock } from '../time/virtual-clock.js';

/** What became of a program. */
export interface Observation {
  readonly end: number;
  readonly ending: { readonly value: unknown } | { readonly error: unknown };
  readonly saw: readonly number[];
  /** Timers that waited when it ended, besides those of cancels that were still to come. */
  readonly timersLeft: number;
  /** The scope a CancelledError is of. */
  idOf(error: CancelledError): number | undefined;
}

class Own extends Error {
  constructor(readonly work: number) {
    super(`work ${work}`);
  }
}

/** Runs a program for real, on a clock of its own. */
export function runProgram(program: Program, newestFirst: boolean): Promise<Observation> {
  const clock = new VirtualClock({ newestFirst });
  return withClock(clock, () => new Run(clock).observe(program));
}

/** A scope with when its own time ends, for those below that end together with it. */
interface Level {
  readonly scope: CancelScope;
  readonly above: Level | undefined;
  readonly due: number;
}

class Run {
  readonly #clock: VirtualClock;
  readonly #scopes = new Map<number, CancelScope>();
  readonly #saw: number[] = [];

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  async observe({ body, cancels }: Program): Promise<Observation> {
    const clock = this.#clock;
    const scope = CancelScope.root();
    this.#scopes.set(rootId, scope);
    for (const { target, at } of cancels) {
      clock.setTimeout(() => void this.#scopes.get(target)?.cancel(), at);
    }
    let observed: Pick<Observation, 'end' | 'ending' | 'timersLeft'> | undefined;
    const settle = (ending: Observation['ending']): void => {
      const end = clock.now();
      const toCome = cancels.filter(({ at }) => at > end).length;
      observed = { end, ending, timersLeft: clock.pending - toCome };
    };
    this.#steps(body, { scope, above: undefined, due: Infinity }).then(
      (value) => settle({ value }),
      (error: unknown) => settle({ error }),
    );
    await clock.run();
    if (!observed) throw new Error('The program never ended');
    const ids = new Map([...this.#scopes].map(([id, known]) => [known.node.scopeId, id]));
    return {
      ...observed,
      saw: this.#saw,
      idOf: (error) => ids.get(CancelledError.scopeOf(error) ?? 0),
    };
  }

  async #steps(steps: readonly Step[], level: Level): Promise<unknown> {
    let value: unknown;
    for (const step of steps) value = await this.#step(step, level);
    return value;
  }

  async #step(step: Step, level: Level): Promise<unknown> {
    const { scope } = level;
    const enter = (entered: CancelScope, id: number, due = Infinity, above?: Level): Level => {
      this.#scopes.set(id, entered);
      return { scope: entered, above, due };
    };
    switch (step.kind) {
      case 'work':
        return this.#work(step, this.#scopes.get(step.on) ?? scope);
      case 'scope':
        return scope.scope((inner) => this.#steps(step.body, enter(inner, step.id, Infinity, level)));
      case 'timeout': {
        const now = this.#clock.now();
        const ms = step.ms === 'tie' ? dueOf(level) - now : step.ms;
        return scope.timeout(ms, (inner) =>
          this.#steps(step.body, enter(inner, step.id, now + (ms ?? Infinity), level)),
        );
      }
      case 'shield': {
        const due = this.#clock.now() + (step.ms ?? Infinity);
        return scope.shield(
          (inner) => this.#steps(step.body, enter(inner, step.id, due)),
          step.ms === undefined ? {} : { timeout: step.ms },
        );
      }
      case 'group':
        return scope.group((group) => {
          const inner = enter(group, step.id, Infinity, level);
          for (const child of step.children) {
            void group.spawn((own) => this.#steps(child.body, enter(own, child.id, Infinity, inner)));
          }
          return this.#steps(step.body, inner);
        });
      case 'attempt':
        return this.#steps(step.body, level).catch(() => 'caught');
      case 'ensure':
        try {
          return await this.#steps(step.body, level);
        } finally {
          await this.#steps(step.after, level);
        }
    }
  }

  async #work({ id, ms, finish, onCancel, cleanup }: Work, scope: CancelScope): Promise<number> {
    try {
      await scope.sleep(ms);
    } catch (error) {
      this.#saw.push(id);
      if (cleanup > 0) {
        await new Promise<void>((resolve) => {
          this.#clock.setTimeout(resolve, cleanup);
        });
      }
      if (onCancel === 'return') return id;
      throw onCancel === 'throw' ? new Own(id) : error;
    }
    if (finish === 'throw') throw new Own(id);
    if (finish !== 'return') this.#scopes.get(finish.cancel)?.cancel();
    return id;
  }
}

function dueOf(level: Level): number {
  for (let one: Level | undefined = level; one; one = one.above) if (one.due !== Infinity) return one.due;
  return Infinity;
}

/** An error in words, with the errors of a group sorted. */
export function describeError(error: unknown, { idOf }: Pick<Observation, 'idOf'>): string {
  if (error instanceof Own) return `own ${error.work}`;
  if (error instanceof ScopeTimeoutError) return `timeout ${error.timeout}`;
  if (error instanceof CancelledError) return `cancelled ${idOf(error)}`;
  if (error instanceof AggregateError) {
    return `several ${error.errors
      .map((one) => describeError(one, { idOf }))
      .toSorted((a, b) => a.localeCompare(b))
      .join(', ')}.`;
  }
  return `unexpected ${String(error)}`;
}

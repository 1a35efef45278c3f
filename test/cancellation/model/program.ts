import * as fc from 'fast-check';

/**
 * A program of scopes. Every scope and every work has an id of its own; every span of time has a binary fraction of its
 * own, so that no two moments fall together but those that follow from each other, and those of a `tie`.
 */
export type Step = Work | ScopeStep | TimeoutStep | ShieldStep | GroupStep | AttemptStep | EnsureStep;

/** Sleeps, and then returns its id, throws, or cancels a scope around it. */
export interface Work {
  readonly kind: 'work';
  readonly id: number;
  /** The scope whose `sleep` it calls: the innermost one, or one around that. */
  readonly on: number;
  readonly ms: number;
  readonly finish: 'return' | 'throw' | { readonly cancel: number };
  /** When the sleep is cancelled, after its cleanup: lets the cancellation pass, catches it, or fails itself. */
  readonly onCancel: 'pass' | 'return' | 'throw';
  /** How long the cleanup takes, at no checkpoint. */
  readonly cleanup: number;
}

export interface ScopeStep {
  readonly kind: 'scope';
  readonly id: number;
  readonly body: readonly Step[];
}

export interface TimeoutStep {
  readonly kind: 'timeout';
  readonly id: number;
  /** `tie`: due together with the timeout next above it, without a limit where there is none. */
  readonly ms: number | 'tie' | null;
  readonly body: readonly Step[];
}

export interface ShieldStep {
  readonly kind: 'shield';
  readonly id: number;
  readonly ms: number | undefined;
  readonly body: readonly Step[];
}

/** Spawns its children, and then runs its body. */
export interface GroupStep {
  readonly kind: 'group';
  readonly id: number;
  readonly children: readonly { readonly id: number; readonly body: readonly Step[] }[];
  readonly body: readonly Step[];
}

/** `try { body } catch {}` */
export interface AttemptStep {
  readonly kind: 'attempt';
  readonly body: readonly Step[];
}

/** `try { body } finally { after }` */
export interface EnsureStep {
  readonly kind: 'ensure';
  readonly body: readonly Step[];
  readonly after: readonly Step[];
}

export interface Program {
  readonly body: readonly Step[];
  /** Cancels from outside: of which scope, and when. One that is not open then is not affected. */
  readonly cancels: readonly { readonly target: number; readonly at: number }[];
}

/** The scope around the whole program. */
export const rootId = 0;

// ── As they are generated: times are whole numbers, zero is none, and targets are counted upwards. ─────────────────

type Draft =
  | {
      readonly kind: 'work';
      readonly on: number;
      readonly ms: number;
      readonly finish: 'return' | 'throw' | 'cancel';
      readonly up: number;
      readonly onCancel: Work['onCancel'];
      readonly cleanup: number;
    }
  | { readonly kind: 'scope' | 'attempt'; readonly body: readonly Draft[] }
  | { readonly kind: 'timeout'; readonly ms: TimeoutStep['ms']; readonly body: readonly Draft[] }
  | { readonly kind: 'shield'; readonly ms: number; readonly body: readonly Draft[] }
  | {
      readonly kind: 'group';
      readonly children: readonly (readonly Draft[])[];
      readonly body: readonly Draft[];
    }
  | { readonly kind: 'ensure'; readonly body: readonly Draft[]; readonly after: readonly Draft[] };

const drafts = fc.letrec<{ step: Draft; body: Draft[] }>((tie) => {
  const body = tie('body');
  return {
    body: fc.array(tie('step'), { minLength: 1, maxLength: 3, depthIdentifier: 'steps' }),
    step: fc.oneof(
      { depthIdentifier: 'steps', depthSize: 'small', maxDepth: 5 },
      {
        weight: 4,
        arbitrary: fc.record({
          kind: fc.constant('work' as const),
          on: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(5) }),
          ms: fc.integer({ min: 1, max: 12 }),
          finish: fc.constantFrom('return', 'return', 'return', 'throw', 'cancel'),
          up: fc.nat(5),
          onCancel: fc.constantFrom('pass', 'pass', 'return', 'throw'),
          cleanup: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 8 })),
        }),
      },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('scope' as const), body }) },
      {
        weight: 2,
        arbitrary: fc.record({
          kind: fc.constant('timeout' as const),
          ms: fc.oneof(
            { weight: 3, arbitrary: fc.integer({ min: 1, max: 15 }) },
            { weight: 2, arbitrary: fc.constantFrom('tie' as const, 'tie' as const, null) },
          ),
          body,
        }),
      },
      {
        weight: 1,
        arbitrary: fc.record({ kind: fc.constant('shield' as const), ms: fc.nat(15), body }),
      },
      {
        weight: 3,
        arbitrary: fc.record({
          kind: fc.constant('group' as const),
          children: fc.array(body, { minLength: 1, maxLength: 3 }),
          body,
        }),
      },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('attempt' as const), body }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('ensure' as const), body, after: body }) },
    ),
  };
});

const mostSpans = 36;

/** Programs of any shape, with up to 36 spans of time. */
export const programs: fc.Arbitrary<Program> = fc
  .record({
    body: drafts.body,
    cancels: fc.array(fc.record({ target: fc.nat(), ms: fc.integer({ min: 1, max: 30 }) }), {
      maxLength: 3,
    }),
  })
  .map(({ body, cancels }) => new Numbering().program(body, cancels))
  .filter((program) => program !== undefined);

/** Gives a draft its ids, its fractions and its targets. */
class Numbering {
  #ids = rootId;
  #spans = 0;
  readonly #scopes = [rootId];

  program(
    body: readonly Draft[],
    cancels: readonly { readonly target: number; readonly ms: number }[],
  ): Program | undefined {
    const numbered = this.#steps(body, [rootId]);
    const program = {
      body: numbered,
      cancels: cancels.map(({ target, ms }) => ({
        target: this.#scopes[target % this.#scopes.length] ?? rootId,
        at: this.#span(ms),
      })),
    };
    return this.#spans > mostSpans ? undefined : program;
  }

  #steps(drafted: readonly Draft[], around: readonly number[]): Step[] {
    return drafted.map((draft) => this.#step(draft, around));
  }

  #step(draft: Draft, around: readonly number[]): Step {
    switch (draft.kind) {
      case 'work': {
        const { kind, on, ms, finish, up, onCancel, cleanup } = draft;
        return {
          kind,
          id: ++this.#ids,
          on: around[on % around.length] ?? rootId,
          ms: this.#span(ms),
          finish: finish === 'cancel' ? { cancel: around[up % around.length] ?? rootId } : finish,
          onCancel,
          cleanup: cleanup === 0 ? 0 : this.#span(cleanup),
        };
      }
      case 'scope': {
        const id = this.#scope();
        return { kind: draft.kind, id, body: this.#steps(draft.body, [id, ...around]) };
      }
      case 'timeout': {
        const id = this.#scope();
        const ms = typeof draft.ms === 'number' ? this.#span(draft.ms) : draft.ms;
        return { kind: draft.kind, id, ms, body: this.#steps(draft.body, [id, ...around]) };
      }
      case 'shield': {
        const id = this.#scope();
        const ms = draft.ms === 0 ? undefined : this.#span(draft.ms);
        return { kind: draft.kind, id, ms, body: this.#steps(draft.body, [id, ...around]) };
      }
      case 'group': {
        const id = this.#scope();
        const children = draft.children.map((child) => {
          const childId = this.#scope();
          return { id: childId, body: this.#steps(child, [childId, id, ...around]) };
        });
        return { kind: draft.kind, id, children, body: this.#steps(draft.body, [id, ...around]) };
      }
      case 'attempt':
        return { kind: draft.kind, body: this.#steps(draft.body, around) };
      case 'ensure':
        return {
          kind: draft.kind,
          body: this.#steps(draft.body, around),
          after: this.#steps(draft.after, around),
        };
    }
  }

  #scope(): number {
    const id = ++this.#ids;
    this.#scopes.push(id);
    return id;
  }

  #span(ms: number): number {
    return ms + 2 ** -++this.#spans;
  }
}

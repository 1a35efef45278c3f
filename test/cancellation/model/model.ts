/**
 * What a program of scopes does, by the rules of the contract alone: worked out on paper, as it were, from when each
 * scope is cancelled and by whom. Nothing runs here, and nothing is asynchronous.
 */
import { type GroupStep, type Program, rootId, type Step, type Work } from './program.js';

export type Failure =
  | { readonly kind: 'own'; readonly work: number }
  /** A ScopeTimeoutError. */
  | { readonly kind: 'timeout'; readonly ms: number }
  /** A CancelledError of the scope `of`. There are two: one for itself, and one for all scopes below. */
  | { readonly kind: 'cancelled'; readonly of: number; readonly isBelow: boolean }
  /** An AggregateError: those of children with their times, the body's last (`Infinity`). */
  | { readonly kind: 'several'; readonly errors: readonly { at: number; error: Failure }[] };

export type Ending = { readonly value: unknown } | { readonly error: Failure };

export interface Prediction {
  readonly end: number;
  readonly ending: Ending;
  /** The works whose sleep was cancelled. */
  readonly saw: readonly number[];
}

interface Evaluation extends Prediction {
  /** Cancels that works called, of scopes around them. */
  readonly calls: readonly { readonly target: number; readonly at: number }[];
}

/** A scope with what is known of its cancellation. */
interface Frame {
  readonly id: number;
  /** The scope it was opened in. */
  readonly around: Frame | undefined;
  /** The scope whose cancellation reaches this one. */
  readonly above: Frame | undefined;
  readonly cancelledAt: number;
  /** The scope whose own cancellation it is. */
  readonly of: number;
  readonly how: 'parent' | 'self' | 'timeout' | 'sibling' | 'never';
  readonly due: number;
}

/**
 * A scope or a group began at the very moment at which another child of a group around it failed. No rule says which of two
 * children is first in that.
 */
export class UndeterminedError extends Error {}

type Static = Program['cancels'];

/**
 * @throws UndeterminedError
 */
export function predict(program: Program): Prediction {
  return enter({ id: rootId }, 0, Infinity, program.cancels, (frame) =>
    sequence(program.body, 0, frame, program.cancels),
  ).result;
}

function sequence(steps: readonly Step[], start: number, frame: Frame, cancels: Static): Evaluation {
  let all: Evaluation = { end: start, ending: { value: undefined }, saw: [], calls: [] };
  for (const step of steps) {
    all = after(all, evaluate(step, all.end, frame, cancels));
    if ('error' in all.ending) break;
  }
  return all;
}

/** One evaluation after the other; the second one's ending counts. */
function after(first: Evaluation, second: Evaluation): Evaluation {
  return { ...second, saw: [...first.saw, ...second.saw], calls: [...first.calls, ...second.calls] };
}

function evaluate(step: Step, start: number, frame: Frame, cancels: Static): Evaluation {
  switch (step.kind) {
    case 'work':
      return work(step, start, find(step.on, frame));
    case 'attempt': {
      const result = sequence(step.body, start, frame, cancels);
      return 'error' in result.ending ? { ...result, ending: { value: 'caught' } } : result;
    }
    case 'ensure': {
      const first = sequence(step.body, start, frame, cancels);
      const both = after(first, sequence(step.after, first.end, frame, cancels));
      return 'error' in both.ending ? both : { ...both, ending: first.ending };
    }
    case 'group':
      return group(step, start, frame, cancels);
    case 'scope': {
      const { frame: own, result } = enter(
        { id: step.id, around: frame, above: frame },
        start,
        Infinity,
        cancels,
        (inner) => sequence(step.body, start, inner, cancels),
      );
      const wasOwn = own.how !== 'parent' && own.cancelledAt <= result.end;
      if ('error' in result.ending) {
        if (!explains(own, result.ending.error, result.end)) return result;
        return throwAbove(own, result) ?? { ...result, ending: { value: undefined } };
      }
      if (wasCancelledBefore(own, start)) return throwAbove(own, result) ?? result;
      return wasOwn ? { ...result, ending: { value: undefined } } : result;
    }
    case 'timeout':
    case 'shield': {
      const above = step.kind === 'shield' ? undefined : frame;
      const due = step.ms === 'tie' ? dueAbove(frame) : start + (step.ms ?? Infinity);
      const { frame: own, result } = enter(
        { id: step.id, around: frame, above },
        start,
        due,
        cancels,
        (inner) => sequence(step.body, start, inner, cancels),
      );
      if (!('error' in result.ending)) {
        return wasCancelledBefore(own, start) ? (throwAbove(own, result) ?? result) : result;
      }
      if (!explains(own, result.ending.error, result.end)) return result;
      const error: Failure =
        own.how === 'timeout' ? { kind: 'timeout', ms: own.due - start } : cancellation(own);
      return throwAbove(own, result) ?? { ...result, ending: { error } };
    }
  }
}

function work({ id, ms, finish, onCancel, cleanup }: Work, start: number, frame: Frame): Evaluation {
  const end = start + ms;
  const nothing = { saw: [], calls: [] };
  if (frame.cancelledAt <= start || frame.cancelledAt < end) {
    const ending: Ending =
      onCancel === 'return'
        ? { value: id }
        : { error: onCancel === 'throw' ? { kind: 'own', work: id } : cancellation(frame) };
    return { ...nothing, end: Math.max(start, frame.cancelledAt) + cleanup, ending, saw: [id] };
  }
  if (finish === 'throw') return { ...nothing, end, ending: { error: { kind: 'own', work: id } } };
  const calls = finish === 'return' ? [] : [{ target: finish.cancel, at: end }];
  return { ...nothing, end, ending: { value: id }, calls };
}

/** All errors together; else the cancellation of what is above; else nothing when it cancelled itself; else the body's value. */
function group({ id, children, body }: GroupStep, start: number, around: Frame, cancels: Static): Evaluation {
  // It cannot spawn: nothing begins.
  if (wasCancelledBefore(around, start)) {
    return { end: start, ending: { error: cancellation(around) }, saw: [], calls: [] };
  }
  const members: Member['of'][] = children.map((child) => ({ id: child.id, steps: child.body }));
  members.push({ id: undefined, steps: body });
  const run = (frame: Frame, keep?: Member): Member[] =>
    members.map((member) => (keep?.of === member ? keep : runMember(member, start, frame, cancels)));
  const combine = (ran: readonly Member[]): Evaluation =>
    ran.reduce<Evaluation>(
      (all, { result }) => ({ ...after(all, result), end: Math.max(all.end, result.end) }),
      { end: start, ending: { value: undefined }, saw: [], calls: [] },
    );

  let last: Member[] = [];
  const { frame: own, result } = enter({ id, around, above: around }, start, Infinity, cancels, (frame) => {
    last = run(frame);
    const failed = last.filter(({ error }) => error).toSorted((a, b) => a.result.end - b.result.end);
    const [first] = failed;
    if (!first || first.result.end >= frame.cancelledAt) return combine(last);
    const at = first.result.end;
    const calledBefore = combine(last).calls.some((call) => call.target === id && call.at < at);
    // What made the group fail happened before it was cancelled.
    if (!calledBefore) last = run({ ...frame, cancelledAt: at, of: id, how: 'sibling' }, first);
    return combine(last);
  });

  const ofChildren = last.flatMap(({ of, error }) => (of.id !== undefined && error ? [error] : []));
  const errors = last
    .flatMap(({ of, result: { end }, error }) => {
      // The body has thrown what a child has: it may have waited for it.
      if (!error || (of.id === undefined && ofChildren.some((one) => isSame(one, error)))) return [];
      return [{ at: of.id === undefined ? Infinity : end, error }];
    })
    .toSorted((a, b) => a.at - b.at);
  if (errors.length > 0) return { ...result, ending: { error: { kind: 'several', errors } } };
  const wasOwn = own.how !== 'parent' && own.cancelledAt <= result.end;
  const value = last.at(-1)?.result.ending;
  return (
    throwAbove(own, result) ?? {
      ...result,
      ending: wasOwn || !value || 'error' in value ? { value: undefined } : value,
    }
  );
}

/** A child of a group, or its body, which has no scope of its own. */
interface Member {
  readonly of: { readonly id: number | undefined; readonly steps: readonly Step[] };
  readonly result: Evaluation;
  /** What it failed with, when that was no cancellation. */
  readonly error: Failure | undefined;
}

function runMember(of: Member['of'], start: number, parent: Frame, cancels: Static): Member {
  const { frame, result } =
    of.id === undefined
      ? { frame: parent, result: sequence(of.steps, start, parent, cancels) }
      : enter({ id: of.id, around: parent, above: parent }, start, Infinity, cancels, (inner) =>
          sequence(of.steps, start, inner, cancels),
        );
  const { ending, end } = result;
  const error = 'error' in ending && !explains(frame, ending.error, end) ? ending.error : undefined;
  return { of, result, error };
}

/**
 * Finds out when a scope is cancelled: from above, by its own time, from outside, or by a work in it. For the last, it is
 * evaluated as if nothing of the kind happened, and once more with the first that did: nothing before that changes.
 */
function enter(
  { id, around, above }: { readonly id: number; readonly around?: Frame; readonly above?: Frame | undefined },
  start: number,
  due: number,
  cancels: Static,
  inside: (frame: Frame) => Evaluation,
): { frame: Frame; result: Evaluation } {
  let frame: Frame = { id, around, above, cancelledAt: Infinity, of: id, how: 'never', due };
  const cancel = (at: number, how: Frame['how'], of = id): void => {
    if (at < frame.cancelledAt) frame = { ...frame, cancelledAt: at, how, of };
  };
  if (above) cancel(above.cancelledAt, 'parent', above.of);
  cancel(due, 'timeout');
  for (const { target, at } of cancels) if (target === id && at > start) cancel(at, 'self');
  const result = inside(frame);
  const before = frame;
  for (const { target, at } of result.calls) if (target === id) cancel(at, 'self');
  return frame === before ? { frame, result } : { frame, result: inside(frame) };
}

/**
 * Whether a scope was cancelled when something began in it.
 *
 * @throws UndeterminedError
 */
function wasCancelledBefore(frame: Frame, start: number): boolean {
  if (frame.cancelledAt === start && originOf(frame)?.how === 'sibling') throw new UndeterminedError();
  return frame.cancelledAt <= start;
}

/** The scope whose own cancellation has reached this one. */
function originOf(frame: Frame): Frame | undefined {
  let level: Frame | undefined = frame;
  while (level && level.id !== frame.of) level = level.above;
  return level;
}

function cancellation({ id, of }: Frame): Failure {
  return { kind: 'cancelled', of, isBelow: id !== of };
}

/** Whether two errors are one object. Two steps only ever throw the same cancellation. */
function isSame(one: Failure, other: Failure): boolean {
  if (one.kind !== 'cancelled' || other.kind !== 'cancelled') return false;
  return one.of === other.of && one.isBelow === other.isBelow;
}

/** Whether an error is how the cancellation of this scope shows itself. */
function explains(frame: Frame, error: Failure, at: number): boolean {
  if (frame.cancelledAt > at) return false;
  if (error.kind === 'several') return error.errors.every((one) => explains(frame, one.error, at));
  if (error.kind !== 'cancelled') return false;
  for (let level: Frame | undefined = frame; level; level = level.above) {
    if (level.id === error.of) return true;
  }
  return false;
}

/** A cancelled parent wins. */
function throwAbove({ above }: Frame, result: Evaluation): Evaluation | undefined {
  if (!above || above.cancelledAt > result.end) return undefined;
  return { ...result, ending: { error: cancellation(above) } };
}

function find(id: number, frame: Frame): Frame {
  for (let level: Frame | undefined = frame; level; level = level.around) if (level.id === id) return level;
  throw new Error(`Scope ${id} is not around ${frame.id}`);
}

function dueAbove(frame: Frame): number {
  for (let level: Frame | undefined = frame; level; level = level.above) {
    if (level.due !== Infinity) return level.due;
  }
  return Infinity;
}

import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { type Ending, type Failure, predict, type Prediction, UndeterminedError } from './model.js';
import { type Program, programs, rootId } from './program.js';
import { describeError, type Observation, runProgram } from './run-program.js';

function describeFailure(failure: Failure): string {
  switch (failure.kind) {
    case 'own':
      return `own ${failure.work}`;
    case 'timeout':
      return `timeout ${failure.ms}`;
    case 'cancelled':
      return `cancelled ${failure.of}`;
    case 'several':
      return `several ${failure.errors
        .map(({ error }) => describeFailure(error))
        .toSorted((a, b) => a.localeCompare(b))
        .join(', ')}.`;
  }
}

function describeEnding(ending: Ending): string {
  return 'error' in ending ? describeFailure(ending.error) : `value ${String(ending.value)}`;
}

function describeObserved(observed: Observation): string {
  const { ending } = observed;
  return 'error' in ending ? describeError(ending.error, observed) : `value ${String(ending.value)}`;
}

/** The errors of a group are in the order they happened, the body's is the last. */
function expectOrder(error: unknown, failure: Failure, observed: Observation): void {
  if (failure.kind !== 'several') return;
  const rest = [...failure.errors];
  let last = -Infinity;
  for (const one of (error as AggregateError).errors) {
    const text = describeError(one, observed);
    const index = rest.findIndex((expected) => describeFailure(expected.error) === text);
    const [expected] = rest.splice(index, 1);
    expect(expected?.at).toBeGreaterThanOrEqual(last);
    last = expected?.at ?? Infinity;
    if (expected) expectOrder(one, expected.error, observed);
  }
}

function predictIfDetermined(program: Program): Prediction | undefined {
  try {
    return predict(program);
  } catch (error) {
    if (error instanceof UndeterminedError) return undefined;
    throw error;
  }
}

const byNumber = (a: number, b: number): number => a - b;

/** A child and the body of a group throw the same cancellation of what is around the shield: it is told once. */
const bodyFailsAsItsChild: Program = {
  cancels: [{ target: rootId, at: 1 }],
  body: [
    {
      kind: 'shield',
      id: 1,
      ms: undefined,
      body: [
        {
          kind: 'work',
          id: 2,
          on: 1,
          ms: 1.5,
          finish: 'return',
          onCancel: 'pass',
          cleanup: 0,
        },
        {
          kind: 'group',
          id: 3,
          children: [
            {
              id: 4,
              body: [
                { kind: 'work', id: 5, on: rootId, ms: 1.25, finish: 'return', onCancel: 'pass', cleanup: 0 },
              ],
            },
          ],
          body: [
            { kind: 'work', id: 6, on: 3, ms: 1.125, finish: 'return', onCancel: 'return', cleanup: 0 },
            { kind: 'work', id: 7, on: rootId, ms: 1.0625, finish: 'return', onCancel: 'pass', cleanup: 0 },
          ],
        },
      ],
    },
  ],
};

describe('Any program of scopes, groups, shields, timeouts and cancels', () => {
  it('ends when, and as, the rules say, and leaves no timer', async () => {
    const seen = new Map<string, number>();
    const seed = Math.trunc(Math.random() * 2 ** 31);
    process.stdout.write(`model.property: seed ${seed}\n`);
    await fc.assert(
      fc.asyncProperty(programs, fc.boolean(), async (program, newestFirst) => {
        const predicted = predictIfDetermined(program);
        fc.pre(predicted !== undefined);
        const observed = await runProgram(program, newestFirst);
        const text = describeEnding(predicted.ending);
        expect({
          ending: describeObserved(observed),
          end: observed.end,
          saw: observed.saw.toSorted(byNumber),
          timersLeft: observed.timersLeft,
        }).toEqual({
          ending: text,
          end: predicted.end,
          saw: predicted.saw.toSorted(byNumber),
          timersLeft: 0,
        });
        if ('error' in predicted.ending && 'error' in observed.ending) {
          expectOrder(observed.ending.error, predicted.ending.error, observed);
        }
        const kind = text === 'value undefined' ? text : (text.split(' ', 1)[0] ?? '');
        seen.set(kind, (seen.get(kind) ?? 0) + 1);
      }),
      {
        numRuns: 6_000,
        seed,
        examples: [[bodyFailsAsItsChild, false]],
        plugins: [fc.interruptAfterTimeLimit(60_000, { failOnInterrupt: true })],
      },
    );
    // Each kind of ending was reached.
    expect([...seen.keys()].toSorted()).toEqual([
      'cancelled',
      'own',
      'several',
      'timeout',
      'value',
      'value undefined',
    ]);
  }, 90_000);
});

import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { InvalidOptionsError, type StreamTaskOptions, type TaskContext } from 'nestjs-streaming';
import { WaitingRuns } from '../../lib/engine/local/waiting-runs.js';
import type { TaskRun } from '../../lib/run/task-run.js';
import { settle } from '../../lib/testing/test-clock.js';
import { createTaskApp, handlerTask } from '../support/app.js';

const run = (priority?: number): TaskRun => ({ options: { priority } }) as TaskRun;

describe('runs that wait', () => {
  it('leave by priority, then first in first out, whatever comes and goes', () =>
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            { weight: 3, arbitrary: fc.record({ add: fc.option(fc.integer({ min: 0, max: 5 })) }) },
            fc.record({ drop: fc.nat({ max: 20 }) }),
            fc.constant('shift' as const),
          ),
          { maxLength: 200 },
        ),
        (steps) => {
          const waiting = new WaitingRuns();
          const model: TaskRun[] = [];
          const rank = ({ options }: TaskRun): number => options.priority ?? 0;
          for (const step of steps) {
            if (step === 'shift') {
              const [next] = model.toSorted((a, b) => rank(b) - rank(a));
              expect(waiting.shift()).toBe(next);
              if (next) model.splice(model.indexOf(next), 1);
            } else if ('add' in step) {
              const added = run(step.add ?? undefined);
              model.push(added);
              waiting.add(added);
            } else {
              const [dropped] = model.splice(step.drop, 1);
              expect(waiting.delete(dropped ?? run(3))).toBe(dropped !== undefined);
            }
            expect(waiting.size).toBe(model.length);
          }
        },
      ),
    ));

  it('are as quick to come and go when there are many of every priority', () => {
    const waiting = new WaitingRuns();
    const runs = Array.from({ length: 100_000 }, (_, n) => run(n % 1_001));
    const began = performance.now();
    for (const each of runs) waiting.add(each);
    for (const each of runs.filter((_each, n) => n % 2)) waiting.delete(each);
    while (waiting.shift());
    // It takes some 100 ms; a list that is searched takes minutes.
    expect(performance.now() - began).toBeLessThan(5_000);
  });
});

async function orderOf(priorities: readonly (number | undefined)[], options: StreamTaskOptions) {
  const order: string[] = [];
  const Work = handlerTask((task: TaskContext<{ name: string }>) => void order.push(task.input.name), {
    concurrency: 1,
    ...options,
  });
  const { coordinator } = await createTaskApp({ tasks: [Work], listen: false });
  const handles = [];
  for (const [n, priority] of priorities.entries())
    handles.push(await coordinator.start(Work, { name: `${n}` }, priority === undefined ? {} : { priority }));
  await Promise.all(handles.map(({ outcome }) => outcome));
  return order;
}

describe('a priority', () => {
  it('says who is next of those that wait, not who has a place', async () => {
    // The first has the place when the others come.
    expect(await orderOf([0, undefined, 1, 1_000, 0, 1, 1_000], {})).toEqual([
      '0',
      '3',
      '6',
      '2',
      '5',
      '1',
      '4',
    ]);
  });

  it.each([-1, 1_001, 1.5, NaN, '5', null])('cannot be %p', async (priority) => {
    const Work = handlerTask(() => 0);
    const { coordinator } = await createTaskApp({ tasks: [Work], listen: false });
    const start = coordinator.start(Work, {}, { priority: priority as never });
    await expect(start).rejects.toThrow(
      'Wrong option "priority" in start(): expected a whole number from 0 to 1000, got ',
    );
    await expect(start).rejects.toBeInstanceOf(InvalidOptionsError);
  });
});

describe('globalConcurrency', () => {
  it.each<[StreamTaskOptions, number]>([
    [{ globalConcurrency: 2 }, 2],
    [{ concurrency: 3, globalConcurrency: 2 }, 2],
    [{ concurrency: 2, globalConcurrency: 3 }, 2],
    [{ globalConcurrency: Infinity }, 5],
  ])('in one process limits as concurrency does: %p', async (options, most) => {
    const Work = handlerTask((task: TaskContext) => task.sleep(60_000), options);
    const { coordinator } = await createTaskApp({ tasks: [Work], listen: false });
    for (let n = 0; n < 5; n++) await coordinator.start(Work, {});
    await settle();
    expect((await coordinator.list({ status: 'running' })).items).toHaveLength(most);
    expect((await coordinator.list({ status: 'pending' })).items).toHaveLength(5 - most);
  });
});

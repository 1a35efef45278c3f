import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { setTimeout as delay } from 'node:timers/promises';
import type { TaskContext } from 'nestjs-streaming';
import { TaskStore } from '../../../../lib/engine/local/task-store.js';
import { collect, createTaskApp, handlerTask, type TaskApp } from '../../../support/app.js';
import { isOnRedis } from '../../../support/app/store.js';
import { eventually } from '../../../support/wait.js';
import { terminalEvents } from '../expect-end.js';

/** Some time, as turns of the event loop and then milliseconds. */
interface Pause {
  readonly turns: number;
  readonly ms: number;
}

interface Race {
  readonly work: Pause;
  /** What the handler does once it has worked or was cancelled. */
  readonly end: 'return' | 'throw';
  /** Whether it catches the cancellation. */
  readonly swallows: boolean;
  /** Whether it waits at a checkpoint, or for something that knows nothing of its signal. */
  readonly listens: boolean;
  readonly cleanup: Pause | undefined;
  /** When it is cancelled, each after the one before. None: never. */
  readonly cancels: readonly Pause[];
}

const pause = fc.record({ turns: fc.nat(4), ms: fc.constantFrom(0, 0, 0, 1, 2, 3) });
const race: fc.Arbitrary<Race> = fc.record({
  work: pause,
  end: fc.constantFrom('return', 'return', 'throw'),
  swallows: fc.boolean(),
  listens: fc.boolean(),
  cleanup: fc.option(pause, { nil: undefined }),
  cancels: fc.array(pause, { maxLength: 3 }),
});

async function pass({ turns, ms }: Pause): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate);
  if (ms > 0) await delay(ms);
}

async function workAtCheckpoints(task: TaskContext<Race>, { turns, ms }: Pause): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await task.yield();
  if (ms > 0) await task.sleep(ms);
}

const Racer = handlerTask(async (task: TaskContext<Race>) => {
  const { work, end, swallows, listens, cleanup } = task.input;
  if (cleanup) task.defer(() => pass(cleanup));
  try {
    await (listens ? workAtCheckpoints(task, work) : pass(work));
  } catch (error) {
    if (!swallows) throw error;
  }
  if (end === 'throw') throw new Error('Broken');
  return 'value';
});

const retention = 20;

async function run({ coordinator }: TaskApp, given: Race): Promise<string> {
  const handle = await coordinator.start(Racer, given);
  const events = collect(handle.events());
  const answers: boolean[] = [];
  for (const before of given.cancels) {
    await pass(before);
    answers.push(await handle.cancel());
  }
  const outcome = await handle.outcome;
  const { status } = outcome;
  await events.done;

  expect(terminalEvents(events.events).map(({ type }) => type)).toEqual([status]);
  expect(events.types.at(-1)).toBe(status);
  expect(new Set(events.events.map(({ id }) => id)).size).toBe(events.events.length);
  expect((await handle.snapshot()).status).toBe(status);
  expect(await handle.cancel()).toBe(false);
  // Once it was refused it is refused for ever.
  expect(answers).toEqual(answers.toSorted((a, b) => Number(b) - Number(a)));
  const wasAccepted = answers.includes(true);
  const accepted = answers.filter(Boolean).length;
  expect(outcome.requests.length).toBeLessThanOrEqual(accepted);
  // In Redis one may still be accepted when the run ends by another, and does not know of it.
  expect(outcome.requests.length).toBeGreaterThanOrEqual(isOnRedis ? Math.min(accepted, 1) : accepted);
  if (wasAccepted) expect(status).not.toBe('completed');
  if (!wasAccepted) expect(status).toBe(given.end === 'throw' ? 'failed' : 'completed');
  if (status === 'cancelled') expect(wasAccepted).toBe(true);
  if (status === 'failed') expect(given.end).toBe('throw');
  if (!outcome.started) expect(events.types).toEqual(['cancelled']);
  return status;
}

describe('RA. Any race of start, cancel and completion', () => {
  it('RA.176 has one terminal event, no true beside a completed, and leaves nothing behind', async () => {
    const app = await createTaskApp({ tasks: [Racer], listen: false, options: { replay: { retention } } });
    const seen = new Map<string, number>();
    const seed = Math.trunc(Math.random() * 2 ** 31);
    process.stdout.write(`races.property: seed ${seed}\n`);
    await fc.assert(
      fc.asyncProperty(fc.array(race, { minLength: 20, maxLength: 20 }), async (races) => {
        const statuses = await Promise.all(races.map((given) => run(app, given)));
        for (const status of statuses) seen.set(status, (seen.get(status) ?? 0) + 1);
      }),
      { numRuns: 50, seed, plugins: [fc.interruptAfterTimeLimit(40_000, { failOnInterrupt: true })] },
    );
    // Each kind of end was reached, else it was no race.
    expect([...seen.keys()].toSorted()).toEqual(['cancelled', 'completed', 'failed']);
    expect([...seen.values()].reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(1_000);

    await eventually(async () => {
      expect((await app.coordinator.list()).items).toEqual([]);
    });
    const store = app.app.get(TaskStore);
    expect({ live: store.live.size, bytes: store.bytes }).toEqual({ live: 0, bytes: 0 });
    expect(app.logs.errors.every((line) => line.includes('Broken'))).toBe(true);
  });
});

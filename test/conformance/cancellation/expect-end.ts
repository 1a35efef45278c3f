import { expect } from '@jest/globals';
import type { TaskEvent, TaskHandle, TaskOutcome, TerminalStatus } from 'nestjs-streaming';
import type { Collected } from '../../support/app.js';

const terminalTypes: ReadonlySet<string> = new Set(['completed', 'failed', 'cancelled', 'timeout']);

export function terminalEvents(events: readonly TaskEvent[]): TaskEvent[] {
  return events.filter(({ type }) => terminalTypes.has(type));
}

/** "Ends so": the outcome, the snapshot and the one terminal event, the last of all, agree. */
export async function expectEnd(
  { handle, events }: { readonly handle: TaskHandle; readonly events: Collected },
  status: TerminalStatus,
): Promise<TaskOutcome> {
  const outcome = await handle.outcome;
  expect(outcome.status).toBe(status);
  expect(handle.status).toBe(status);
  expect((await handle.snapshot()).status).toBe(status);
  await events.done;
  expect(terminalEvents(events.events).map(({ type }) => type)).toEqual([status]);
  expect(events.types.at(-1)).toBe(status);
  return outcome;
}

/** What a promise rejects with; fails the test when it does not. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  const nothing = Symbol('nothing');
  const error = await promise.then(
    () => nothing,
    (reason: unknown) => reason,
  );
  if (error === nothing) throw new Error('Expected a rejection; the promise was fulfilled');
  return error;
}

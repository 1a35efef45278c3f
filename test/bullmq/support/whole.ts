import { expect } from '@jest/globals';

const terminalTypes = ['completed', 'failed', 'cancelled', 'timeout'];

interface Event {
  readonly id?: string | undefined;
  readonly type: string;
}

/** Each number once, in order, in one epoch; one terminal event, as the last. */
export function expectWhole(events: readonly Event[]): void {
  const ids = events.map(({ id }) => id?.split('-') ?? []);
  expect(ids.map(([, seq]) => Number(seq))).toEqual(ids.map((_id, n) => n + 1));
  expect(new Set(ids.map(([epoch]) => epoch)).size).toBe(1);
  const types = events.map(({ type }) => type);
  expect(types.filter((type) => terminalTypes.includes(type))).toEqual(types.slice(-1));
}

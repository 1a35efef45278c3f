/** What a task type of tests folds its events to, and how a client folds them. */
import type { Json, StreamTaskOptions } from 'nestjs-streaming';
import type { SseEvent } from './clients/sse.js';

/** How many events there were of each type, and the sum of the numbers among their data. */
export interface Tally {
  readonly sum: number;
  readonly types: Readonly<Record<string, number>>;
}

export const noTally: Tally = { sum: 0, types: {} };

export function tallied(
  { sum, types }: Tally,
  { type, data }: { readonly type: string; readonly data: unknown },
): Tally {
  return {
    sum: typeof data === 'number' ? sum + data : sum,
    types: { ...types, [type]: (types[type] ?? 0) + 1 },
  };
}

export const tallies = { state: { initial: noTally, reduce: tallied } } satisfies StreamTaskOptions<Tally>;

/** The tally of so many events of type `n`, numbered from 1, of a task in its first try. */
export function tallyOf(count: number, more: Readonly<Record<string, number>> = {}): Tally {
  const n = count > 0 ? { n: count } : {};
  return { sum: (count * (count + 1)) / 2, types: { started: 1, ...n, ...more } };
}

/** What a client knows that folds what it sees, as the documentation shows it. */
export function foldSeen(events: readonly Pick<SseEvent, 'id' | 'type' | 'data'>[]): unknown {
  let state: unknown = noTally;
  let skipTo: string | undefined;
  for (const { id, type, data } of events) {
    if (type === 'state') {
      state = (data as { state: Json }).state;
    } else if (type === 'gap') {
      const { snapshot } = data as { snapshot: { state: Json; lastEventId: string | null } };
      state = snapshot.state;
      // The events up to there are in it.
      skipTo = snapshot.lastEventId ?? undefined;
    } else if (skipTo === undefined) {
      state = tallied(state as Tally, { type, data });
    } else if (skipTo === id) {
      skipTo = undefined;
    }
  }
  return state;
}

import { epochOf, seqOf } from './board.js';
import type { Watcher } from './watcher.js';

/** What all watchers of all tasks received, against what each task has sent. */
export interface Check {
  /** Watchers with every event once, in order, up to the terminal one. */
  readonly whole: number;
  readonly sent: number;
  readonly received: number;
  readonly expected: number;
  readonly missing: number;
  readonly doubled: number;
  readonly gaps: number;
}

/** @param tasks the watchers of each */
export function check(tasks: readonly (readonly Watcher[])[]): Check {
  const sums = { whole: 0, sent: 0, received: 0, expected: 0, missing: 0, doubled: 0, gaps: 0 };
  for (const watchers of tasks) {
    // Each number once, and what all watchers have to agree on.
    const log = new Map<string, string>();
    for (const { received } of watchers)
      for (const { id, type, data } of received) if (type !== 'gap') log.set(id, `${type} ${data}`);
    sums.sent += log.size;
    for (const watcher of watchers) {
      const seen = watcher.received.filter(({ type }) => type !== 'gap');
      const ids = new Set(seen.map(({ id }) => id));
      sums.received += seen.length;
      sums.expected += log.size;
      sums.missing += log.size - ids.size;
      sums.doubled += seen.length - ids.size;
      sums.gaps += watcher.received.length - seen.length;
      if (isWhole(watcher, log)) sums.whole++;
    }
  }
  return sums;
}

function isWhole({ received, isOver }: Watcher, log: ReadonlyMap<string, string>): boolean {
  const epoch = epochOf(received[0]?.id ?? '');
  return (
    isOver &&
    received.length === log.size &&
    received.every(
      ({ id, type, data }, index) =>
        epochOf(id) === epoch && seqOf(id) === index + 1 && log.get(id) === `${type} ${data}`,
    )
  );
}

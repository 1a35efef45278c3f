/**
 * Who watches a task over HTTP, by the names that `http.owner` gives.
 *
 * @publicApi
 */
export interface WatchedBy {
  /** Those with most streams first. Without a name: those that have none. */
  readonly names: readonly { readonly name?: string; readonly streams: number }[];
  /** How many streams those have that are not listed. */
  readonly others: number;
  /** Set where other instances may have watchers of their own: they are not in it. */
  readonly isPart?: true;
}

const MOST_NAMES = 20;
const LONGEST = 100;

/**
 * @param counts by name
 * @param isShared whether tasks are shared by many instances
 */
export function watchedBy(counts: ReadonlyMap<string | undefined, number>, isShared: boolean): WatchedBy {
  const sorted = [...counts].toSorted(([, one], [, other]) => other - one);
  return {
    names: sorted
      .slice(0, MOST_NAMES)
      .map(([name, streams]) => ({ ...(name !== undefined && { name: name.slice(0, LONGEST) }), streams })),
    others: sorted.slice(MOST_NAMES).reduce((sum, [, streams]) => sum + streams, 0),
    ...(isShared && { isPart: true }),
  };
}

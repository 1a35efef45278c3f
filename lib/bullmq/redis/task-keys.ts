/** Where a task is in Redis. On a cluster all its keys are on one node, as they share their hash tag. */
export interface TaskKeys {
  /**
   * A hash: what is known of the task. Scripts alone change it.
   * - for everybody: `taskFields` in scripts/read.ts
   * - of the log: `first`, `last` and `bytes` that are kept; `maxEvents`, `maxBytes`, and `frame`, the bytes of an event beside its own
   * - of the owner: `lease` (the token that each write names), `channel` (where its instance listens), `claim` (what its claim was
   *   told), `seen` (how many requests to cancel it has seen), `decided` ('end': its outcome stands; 'commit': it may pass its point of no return)
   * - of the state: `state`, and `stateBefore`, that before the terminal event
   * - `facts`: what else its outcome says (StoredFacts)
   * - for the next try: `input`, `checkpoint`, `notBefore` (a time)
   * - `releasedBy`, `endedBy`: whose call it was, so that one that is sent again is known; `retention`
   */
  readonly record: string;
  /** A stream: its events. The id of an event is `<seq>-0`. */
  readonly log: string;
  /** A list: the requests to cancel it, while it runs. */
  readonly requests: string;
  /** A hash: the signals that its handler has not taken. */
  readonly signals: string;
  /** A hash: how many watch it on each instance, and until when that holds: `<count> <time>`. */
  readonly watchers: string;
  /** The channel on which readers hear that something was written, and small events themselves. */
  readonly news: string;
}

/**
 * @param prefix of the application
 * @param key of the task
 */
export function keysOf(prefix: string, key: string): TaskKeys {
  const record = `${prefix}:{${key}}`;
  return {
    record,
    log: `${record}:log`,
    requests: `${record}:requests`,
    signals: `${record}:signals`,
    watchers: `${record}:watchers`,
    news: `${record}:news`,
  };
}

/** The channel on which an instance hears of its runs: the name of a record that was changed. */
export function channelOf(prefix: string, instance: string): string {
  return `${prefix}:instance:${instance}`;
}

/** Where the list of all tasks is: by their time, and by the time when the ended ones are forgotten. */
export function indexKeysOf(prefix: string): [all: string, ended: string] {
  return [`${prefix}:{tasks}:all`, `${prefix}:{tasks}:ended`];
}

import type { TaskRun } from '../task-run.js';
import type { RunEvent } from '../task-types.js';
import type { Reader } from '../watch/reader.js';
import type { Source } from '../watch/source.js';
import type { Ask } from './messages.js';
import { isBehind } from './position.js';

/** A task that is watched for streams of tabs. */
export class Watched {
  /** The streams that get its events, and the id of the event behind which each began. */
  readonly streams = new Map<string, string>();
  readonly events: AsyncIterableIterator<RunEvent>;
  /** The id of its newest event, or of the one behind which it began; `''` while there is none. */
  last: string;
  isOver = false;
  /** Whether it began at an event that may be the last one of its task. */
  mayHaveEnded = false;

  /**
   * @param from where it begins, if no event is known
   * @param isSuspect whether it may be the reason if the server refuses its stream: it joined others that were live, or was refused before
   */
  constructor(
    readonly path: string,
    readonly run: TaskRun,
    private readonly after: string,
    readonly from: Ask['from'],
    public isSuspect: boolean,
  ) {
    this.last = after;
    this.events = run.events({ after: after || undefined, from });
  }

  /** Whether nothing was heard of it yet. */
  get isUnheard(): boolean {
    return this.last === this.after;
  }

  /** The connection that it is on. */
  get source(): Source | undefined {
    return (this.events as Partial<Reader>).source;
  }

  /** Whether a stream that begins there misses nothing. It has the same events, whatever the server says of that position. */
  beginsAt(after: string, from: Ask['from']): boolean {
    return after === this.last && (after !== '' || from === this.from);
  }

  /** Whether a stream that has all events up to this one misses nothing. */
  isBefore(id: string): boolean {
    return this.last !== '' && !isBehind(this.last, id);
  }

  /** Takes an event, and gives the streams that need it. */
  take({ id, type, data }: RunEvent): string[] {
    // What an interceptor adds has the id of the event before it.
    const isAdded = id === this.last;
    this.last = id;
    if (type === 'gap' && (data as { readonly cause: string }).cause !== 'expired') {
      // The server knows the position of none of them. All go on from here.
      for (const stream of this.streams.keys()) this.streams.set(stream, id);
      return [...this.streams.keys()];
    }
    return [...this.streams]
      .filter(([, began]) => isBehind(id, began) || (isAdded && id === began))
      .map(([stream]) => stream);
  }
}

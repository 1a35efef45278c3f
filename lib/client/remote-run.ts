import type { TaskRef } from '../task/task-ref.js';
import type { Progress, TaskSnapshot } from '../task/task-snapshot.js';
import type { TaskStatus } from '../task/task-status.js';
import type { StreamingRequestError } from './errors.js';
import { type Answer, type Call, queryOf } from './http/transport.js';
import { isTerminal, outcomeOfEvent, outcomeOfSnapshot, statusOf, valueOf } from './outcome.js';
import type { EventsOptions, TaskRun } from './task-run.js';
import type { RunOutcome, RunState, WireSnapshot } from './task-types.js';
import type { Hub } from './watch/hub.js';
import { type GivenEvent, Reader } from './watch/reader.js';
import type { Source } from './watch/source.js';

type Waiting = { readonly signal?: AbortSignal | undefined } | undefined;

/** What a run says while it has several readers. */
const CONNECTIONS = ['live', 'reconnecting', 'offline', 'connecting'] as const;

/** The parts of a path. What a URL would take for a folder is none. */
export function pathOf(...parts: readonly string[]): string {
  const wrong = parts.find((part) => /^\.{0,2}$/.test(part));
  if (wrong !== undefined) throw new TypeError(`Invalid "${wrong}" in a task's path`);
  return parts.map(encodeURIComponent).join('/');
}

/** A run as the client knows it: what was last heard, and who reads it. */
export class RemoteRun implements TaskRun {
  declare readonly status: TaskStatus | undefined;
  declare readonly progress: Progress | undefined;
  declare readonly state: unknown;
  declare readonly lastEventId: string | undefined;
  declare readonly connection: RunState['connection'];
  declare readonly app: string;
  declare readonly name: string;
  declare readonly id: string;
  /** `app/name/id` */
  readonly path: string;
  readonly #readers = new Set<Reader>();
  readonly #listeners = new Set<() => void>();
  #known: RunState | undefined;
  #rest: 'idle' | 'ended' | 'refused' = 'idle';
  /** The id of the newest event that any reader has heard. */
  #heard: string | undefined;
  #outcome: RunOutcome | undefined;

  /** @param group of runs that are always watched on the same connections */
  constructor(
    readonly hub: Hub,
    { app, name, id }: TaskRef,
    private readonly after: string | undefined,
    public group?: Pick<WeakSet<Source>, 'has' | 'add'>,
  ) {
    this.path = pathOf(app, name, id);
    Object.assign(this, { app, name, id });
    this.refresh();
  }

  readonly getSnapshot = (): RunState => this.#known as RunState;

  readonly subscribe = (listener: () => void): (() => void) => {
    // The same function may be given twice.
    const own = (): void => listener();
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  };

  events(options: EventsOptions = {}): Reader {
    const after = options.after ?? (options.from ? undefined : this.after);
    return new Reader(this, after, options);
  }

  [Symbol.asyncIterator](): Reader {
    return this.events();
  }

  async outcome({ signal }: Waiting = {}): Promise<RunOutcome> {
    if (this.#outcome) return this.#outcome;
    const watcher = new Reader(this, undefined, { from: 'latest', signal }, true);
    try {
      while (!(await watcher.next()).done);
    } catch (error) {
      if ((error as Partial<StreamingRequestError> | null)?.code === 'TASK_NOT_FOUND')
        return { status: 'gone' };
      throw error;
    }
    return this.#outcome as unknown as RunOutcome;
  }

  async result(options?: Waiting): Promise<unknown> {
    return valueOf(await this.outcome(options), this.id);
  }

  cancel(detail?: string): Promise<boolean>;
  cancel(
    detail: string | undefined,
    options: { readonly wait?: number | undefined },
  ): Promise<boolean | TaskSnapshot<unknown, unknown>>;
  async cancel(
    detail?: string,
    { wait }: { readonly wait?: number | undefined } = {},
  ): Promise<boolean | TaskSnapshot<unknown, unknown>> {
    const path = `/${this.path}${queryOf({ detail, wait })}`;
    const answer = await this.#askOrOver({ method: 'DELETE', path, wait });
    if (!answer) return false;
    if (answer.status === 200) return this.#snapshotIn(answer);
    const { status } = answer.body as { status: TaskStatus };
    if (!this.#outcome) this.learn({ status });
    return true;
  }

  async signal(name: string, data?: unknown): Promise<boolean> {
    const path = `/${this.path}/signals/${pathOf(name)}`;
    return (await this.#askOrOver({ method: 'POST', path, body: JSON.stringify(data) })) !== undefined;
  }

  async snapshot(): Promise<TaskSnapshot<unknown, unknown>> {
    return this.#snapshotIn(await this.hub.transport.ask(this.statusCall));
  }

  get statusCall(): Call {
    return { method: 'GET', path: `/${this.path}/status` };
  }

  /** Has a reader get events. */
  watch(reader: Reader): void {
    reader.connection = 'connecting';
    this.#readers.add(reader);
    this.hub.join(reader);
    this.refresh();
  }

  /** A reader gets no more events. */
  part(reader: Reader, rest: 'idle' | 'ended' | 'refused'): void {
    if (!this.#readers.delete(reader)) return;
    this.hub.joining.delete(reader);
    this.#rest = this.#outcome ? 'ended' : rest;
    this.refresh();
  }

  /** How the client stands with the server, of all who read. */
  refresh(): void {
    const open = CONNECTIONS.find((each) => [...this.#readers].some(({ connection }) => connection === each));
    this.learn({ connection: open ?? this.#rest });
  }

  /**
   * An event has come for a reader, who may be behind others.
   *
   * @param before the id of the event before it, for that reader
   */
  hear({ id, type, data }: GivenEvent, before: string | undefined, from: string | undefined): void {
    const isGap = type === 'gap';
    const isState = type === 'state';
    const isWhole = isGap || isState || isTerminal(type) || (before === undefined && from === 'latest');
    if (this.#heard !== undefined && this.#heard !== before && !isWhole) return;
    this.#heard = id;
    if (isGap) {
      const { snapshot } = data as { snapshot: WireSnapshot | null };
      this.#outcome = undefined;
      if (snapshot) this.hearSnapshot(snapshot);
      return;
    }
    if (this.#outcome) return;
    if (isTerminal(type)) this.#settle(outcomeOfEvent(type, data));
    this.learn({
      status: statusOf(type, this.status),
      ...(isState && (data as Pick<RunState, 'state' | 'status'>)),
      ...(type === 'progress' && { progress: data as Progress }),
    });
  }

  /** @returns whether the task has ended. A snapshot that is older than the end tells nothing */
  hearSnapshot(snapshot: WireSnapshot): boolean {
    const { finalValue, progress, state, status } = snapshot;
    Object.assign(snapshot, this.hub.transport.revive({ finalValue, progress, state }));
    const outcome = outcomeOfSnapshot(snapshot);
    if (outcome) this.#settle(outcome);
    else if (this.#outcome) return true;
    this.learn({
      status,
      ...(progress && { progress: snapshot.progress as Progress }),
      ...(state !== undefined && { state: snapshot.state }),
    });
    return outcome !== undefined;
  }

  /** Tells the listeners, if it is news. */
  learn(news: Partial<RunState>): void {
    const known = { ...this.#known, ...news } as RunState;
    const isNews = (Object.keys(news) as (keyof RunState)[]).some((key) => this.#known?.[key] !== known[key]);
    if (!isNews) return;
    Object.assign(this, (this.#known = known));
    for (const listener of this.#listeners) {
      try {
        listener();
      } catch (error) {
        // As listeners of an `EventTarget`: it keeps no event from a reader.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }

  #settle(outcome: RunOutcome): void {
    this.#outcome = outcome;
    // Those that have just heard it have left by then.
    queueMicrotask(() => {
      for (const reader of this.#readers) if (reader.isForEnd) void reader.return();
    });
  }

  #snapshotIn({ body }: Answer): TaskSnapshot<unknown, unknown> {
    this.hearSnapshot(body as WireSnapshot);
    return body as WireSnapshot;
  }

  async #askOrOver(call: Call): Promise<Answer | undefined> {
    try {
      return await this.hub.transport.ask(call);
    } catch (error) {
      if ((error as Partial<StreamingRequestError>).status === 409) return undefined;
      throw error;
    }
  }
}

import type { TaskRef } from '../task/task-ref.js';
import type { Progress, TaskSnapshot } from '../task/task-snapshot.js';
import type { TaskStatus } from '../task/task-status.js';
import { StreamingRequestError } from './errors.js';
import { type Call, queryOf } from './http/transport.js';
import { isTerminal, outcomeOfEvent, outcomeOfSnapshot, statusOf, valueOf } from './outcome.js';
import type { EventsOptions, TaskRun } from './task-run.js';
import type { RunOutcome, RunState, WireSnapshot } from './task-types.js';
import { EventReader } from './watch/event-reader.js';
import type { Hub, WatchGroup } from './watch/hub.js';
import { OutcomeWatch } from './watch/outcome-watch.js';
import type { GivenEvent, Sink } from './watch/sink.js';

type Waiting = { readonly signal?: AbortSignal } | undefined;

/** What a run says while it has several readers. */
const CONNECTIONS = ['live', 'reconnecting', 'offline', 'connecting'] as const;

/** The parts of a path. What a URL would take for a folder is none. */
export function pathOf(...parts: readonly string[]): string {
  const wrong = parts.find((part) => typeof part !== 'string' || /^\.{0,2}$/.test(part));
  if (wrong !== undefined) throw new TypeError(`"${wrong}" is no app, name or id of a task`);
  return parts.map(encodeURIComponent).join('/');
}

/** A run as the client knows it: what was last heard, and who reads it. */
export class RemoteRun implements TaskRun {
  readonly app: string;
  readonly name: string;
  readonly id: string;
  /** `app/name/id` */
  readonly path: string;
  readonly #sinks = new Set<Sink>();
  readonly #listeners = new Set<() => void>();
  #known: RunState = {
    status: undefined,
    progress: undefined,
    state: undefined,
    lastEventId: undefined,
    connection: 'idle',
  };
  #rest: 'idle' | 'ended' | 'refused' = 'idle';
  /** The id of the newest event that any reader has heard. */
  #heard: string | undefined;
  #outcome: RunOutcome | undefined;
  #watch: OutcomeWatch | undefined;

  constructor(
    private readonly hub: Hub,
    { app, name, id }: TaskRef,
    private readonly after: string | undefined,
    readonly group?: WatchGroup,
  ) {
    this.app = app;
    this.name = name;
    this.id = id;
    this.path = pathOf(app, name, id);
  }

  get status(): TaskStatus | undefined {
    return this.#known.status;
  }

  get progress(): Progress | undefined {
    return this.#known.progress;
  }

  get state(): unknown {
    return this.#known.state;
  }

  get lastEventId(): string | undefined {
    return this.#known.lastEventId;
  }

  get connection(): RunState['connection'] {
    return this.#known.connection;
  }

  readonly getSnapshot = (): RunState => this.#known;

  readonly subscribe = (listener: () => void): (() => void) => {
    // The same function may be given twice.
    const own = (): void => listener();
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  };

  events(options: EventsOptions = {}): EventReader {
    const after = options.after ?? (options.from === undefined ? this.after : undefined);
    return new EventReader(this, { ...options, ...(after !== undefined && { after }) });
  }

  [Symbol.asyncIterator](): EventReader {
    return this.events();
  }

  async outcome({ signal }: Waiting = {}): Promise<RunOutcome> {
    signal?.throwIfAborted();
    if (this.#outcome) return this.#outcome;
    if (!this.#watch?.isWanted) this.watch((this.#watch = new OutcomeWatch(this)));
    return this.#watch.wait(signal);
  }

  async result(options?: Waiting): Promise<unknown> {
    return valueOf(await this.outcome(options), this.id);
  }

  cancel(detail?: string): Promise<boolean>;
  cancel(
    detail: string | undefined,
    options: { readonly wait: number },
  ): Promise<boolean | TaskSnapshot<unknown>>;
  async cancel(
    detail?: string,
    { wait }: { readonly wait?: number } = {},
  ): Promise<boolean | TaskSnapshot<unknown>> {
    const path = `/${this.path}${queryOf({ detail, wait })}`;
    const answer = await this.#askOrOver({ method: 'DELETE', path, wait: wait ?? 0 });
    if (!answer) return false;
    if (answer.status === 200) return this.#snapshotIn(answer.body);
    const { status } = answer.body as { status: TaskStatus };
    if (!this.#outcome) this.#learn({ status });
    return true;
  }

  async signal(name: string, data?: unknown): Promise<boolean> {
    const path = `/${this.path}/signals/${pathOf(name)}`;
    return (await this.#askOrOver({ method: 'POST', path, body: JSON.stringify(data) })) !== undefined;
  }

  async snapshot(): Promise<TaskSnapshot<unknown>> {
    return this.#snapshotIn((await this.hub.transport.ask(this.statusCall)).body);
  }

  get statusCall(): Call {
    return { method: 'GET', path: `/${this.path}/status` };
  }

  get hasOutcome(): boolean {
    return this.#outcome !== undefined;
  }

  /** Has a sink get events. */
  watch(sink: Sink): void {
    sink.connection = 'connecting';
    this.#sinks.add(sink);
    this.hub.join(sink);
    this.refresh();
  }

  /** A sink gets no more events. */
  part(sink: Sink, rest: 'idle' | 'ended' | 'refused'): void {
    if (!this.#sinks.delete(sink)) return;
    this.hub.withdraw(sink);
    this.#rest = this.#outcome ? 'ended' : rest;
    this.refresh();
  }

  /** How the client stands with the server, of all who read. */
  refresh(): void {
    const all = [...this.#sinks].map(({ connection }) => connection);
    this.#learn({ connection: CONNECTIONS.find((each) => all.includes(each)) ?? this.#rest });
  }

  /**
   * An event has come for a reader, who may be behind others.
   *
   * @param before the id of the event before it, for that reader
   */
  hear({ id, type, data }: GivenEvent, before: string | undefined, from: string | undefined): void {
    const isWhole = type === 'gap' || type === 'state' || (before === undefined && from === 'latest');
    if (this.#heard !== undefined && this.#heard !== before && !isWhole && !isTerminal(type)) return;
    this.#heard = id;
    if (type === 'gap') {
      const { snapshot } = data as { snapshot: WireSnapshot | null };
      this.#outcome = undefined;
      if (snapshot) this.hearSnapshot(snapshot);
      return;
    }
    if (this.#outcome) return;
    if (isTerminal(type)) this.#settle(outcomeOfEvent(type, data));
    const { status, state } = (type === 'state' ? data : {}) as Partial<WireSnapshot>;
    const now = status ?? statusOf(type);
    this.#learn({
      ...(now && { status: now }),
      ...(type === 'state' && { state }),
      ...(type === 'progress' && { progress: data as Progress }),
    });
  }

  /** @returns whether the task has ended. A snapshot that is older than the end tells nothing */
  hearSnapshot(snapshot: WireSnapshot): boolean {
    const outcome = outcomeOfSnapshot(snapshot);
    if (!outcome && this.#outcome) return true;
    const { status, progress, state } = snapshot;
    if (outcome) this.#settle(outcome);
    this.#learn({
      status,
      ...(progress && { progress }),
      ...(state !== undefined && { state }),
    });
    return outcome !== undefined;
  }

  /** An event was given to a reader. */
  give({ id }: GivenEvent): void {
    this.#learn({ lastEventId: id });
  }

  #settle(outcome: RunOutcome): void {
    this.#outcome = outcome;
    this.#watch?.settle(outcome);
  }

  #snapshotIn(body: unknown): TaskSnapshot<unknown> {
    const snapshot = this.hub.transport.snapshotOf(body);
    this.hearSnapshot(snapshot);
    return snapshot;
  }

  async #askOrOver(call: Call): Promise<Awaited<ReturnType<Hub['transport']['ask']>> | undefined> {
    try {
      return await this.hub.transport.ask(call);
    } catch (error) {
      if (error instanceof StreamingRequestError && error.status === 409) return undefined;
      throw error;
    }
  }

  #learn(news: Partial<RunState>): void {
    const isNews = Object.entries(news).some(([key, value]) => this.#known[key as keyof RunState] !== value);
    if (!isNews) return;
    this.#known = { ...this.#known, ...news };
    for (const listener of this.#listeners) listener();
  }
}

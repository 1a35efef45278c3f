import type { StreamingRequestError } from '../errors.js';
import type { StreamingClient } from '../streaming-client.js';
import type { TaskRun } from '../task-run.js';
import type { RunEvent } from '../task-types.js';
import type { Source } from '../watch/source.js';
import type { Ask, Message } from './messages.js';

/** A task that is watched. */
interface Watched {
  readonly path: string;
  readonly run: TaskRun;
  readonly events: AsyncIterableIterator<RunEvent>;
  /** Where it began, if no event was known. */
  readonly from: Ask['from'];
  /** The streams that get its events, and the id of the event behind which each began. */
  readonly streams: Map<string, string>;
  /** The id of its newest event, or of the one behind which it began; `''` while there is none. */
  last: string;
}

/** A stream of a tab. */
interface Given extends Ask {
  readonly watched: Map<string, Watched>;
  isOpen: boolean;
}

/** In the tab that holds the connection: it watches for all tabs. */
export class Holder {
  readonly #given = new Map<string, Given>();
  /** What is on the connection that all share, by path. */
  readonly #shared = new Map<string, Watched>();
  readonly #group = new WeakSet<Source>();
  readonly #tabs = new Set<string>();
  /** Tasks that the server has refused. They are asked for alone: then the answer says why, before a stream is open. */
  readonly #refused = new Set<string>();

  /** @param whenClosed calls back when a tab is closed */
  constructor(
    private readonly client: StreamingClient,
    private readonly post: (message: Message) => void,
    private readonly whenClosed: (tab: string, call: () => void) => void,
  ) {
    post({ isNew: true });
  }

  hear({ ask, again, leave }: Message): void {
    if (leave) this.#drop(leave);
    if (again) this.post({ to: [again], ...(!this.#given.has(again) && { isCut: true }) });
    if (ask && !this.#given.has(ask.stream)) this.#give(ask);
  }

  close(): void {
    for (const stream of this.#given.keys()) this.#drop(stream);
  }

  #give(ask: Ask): void {
    const { stream, tab, tasks, from } = ask;
    this.post({ to: [stream] });
    if (!this.#tabs.has(tab)) {
      this.#tabs.add(tab);
      this.whenClosed(tab, () => {
        this.#tabs.delete(tab);
        for (const given of this.#given.values()) if (given.tab === tab) this.#drop(given.stream);
      });
    }
    const given = { ...ask, watched: new Map<string, Watched>(), isOpen: false };
    this.#given.set(stream, given);
    for (const [path, after] of tasks) {
      const shared = this.#shared.get(path);
      // What a stream needs and the others have had is read on a connection of its own.
      const watched = shared && fits(shared, after, from) ? shared : this.#watch(path, after, from, !shared);
      watched.streams.set(stream, after);
      given.watched.set(path, watched);
      this.#show(watched);
    }
  }

  #watch(path: string, after: string, from: Ask['from'], isShared: boolean): Watched {
    const [app = '', name = '', id = ''] = path.split('/').map(decodeURIComponent);
    const [run] = this.client.watch([{ app, name, id }]);
    // Runs of a group are always on the same connection.
    if (isShared && !this.#refused.delete(path)) Object.assign(run, { group: this.#group });
    const events = run.events({ after: after || undefined, from });
    const watched = { path, run, events, from, streams: new Map<string, string>(), last: after };
    if (isShared) this.#shared.set(path, watched);
    void this.#read(watched);
    return watched;
  }

  async #read(watched: Watched): Promise<void> {
    const { path, run, events, streams } = watched;
    const stop = run.subscribe(() => this.#show(watched));
    let failure: unknown;
    try {
      for await (const event of events) {
        const { id } = event;
        // What an interceptor adds has the id of the event before it.
        const isAdded = id === watched.last;
        watched.last = id;
        const to = [...streams.keys()].filter((stream) => {
          const began = streams.get(stream) ?? '';
          return isBehind(id, began) || (isAdded && id === began);
        });
        if (to.length > 0) this.post({ to, task: path, event });
        const shared = this.#shared.get(path);
        if (shared && shared !== watched && fits(shared, id, undefined)) this.#join(watched, shared);
        if (streams.size === 0) break;
      }
    } catch (error) {
      failure = error;
    }
    stop();
    if (this.#shared.get(path) === watched) this.#shared.delete(path);
    for (const stream of streams.keys()) this.#end(path, stream, failure);
  }

  /** What has caught up goes on with the others. */
  #join({ path, streams, last }: Watched, shared: Watched): void {
    for (const stream of streams.keys()) {
      shared.streams.set(stream, last);
      this.#given.get(stream)?.watched.set(path, shared);
    }
    streams.clear();
  }

  /**
   * A stream is open once one of its tasks is. It stays open while a lost connection is opened again. If that fails, each tab is told
   * and asks anew after its own delay.
   */
  #show({ run: { connection }, streams }: Watched): void {
    if (connection === 'live') for (const stream of streams.keys()) this.#open(stream);
  }

  #open(stream: string): void {
    const given = this.#given.get(stream);
    if (!given || given.isOpen) return;
    given.isOpen = true;
    this.post({ to: [stream], status: 200 });
  }

  /** A task has ended, or cannot be watched. */
  #end(path: string, stream: string, failure: unknown): void {
    const given = this.#given.get(stream);
    if (!given) return;
    given.watched.delete(path);
    if (failure) this.#fail(given, path, failure);
    if (given.watched.size > 0 || !this.#given.delete(stream)) return;
    this.post({ to: [stream], status: 204 });
  }

  #fail(given: Given, path: string, failure: unknown): void {
    // It is tried once, so a connection that could not be had says why.
    const refusal = failure instanceof Error && !('status' in failure) ? failure.cause : failure;
    const {
      status = 0,
      code,
      message,
      issues,
      retryAfter,
    } = (refusal ?? {}) as Partial<StreamingRequestError>;
    const isRefused = status >= 400 && status < 500 && status !== 429;
    const to = [given.stream];
    if (isRefused) this.#refused.add(path);
    if (isRefused && status !== 401 && given.tasks.length > 1) {
      // The tab asks for it alone, and is told why.
      this.#open(given.stream);
      this.post({ to, task: path, event: { id: '', type: 'unavailable', data: null } });
      return;
    }
    this.#drop(given.stream);
    if (status > 0 && !given.isOpen)
      this.post({ to, status, retryAfter, body: { message: code && message, code, issues } });
    else this.post({ to, isCut: true });
  }

  #drop(stream: string): void {
    for (const [path, { events, streams }] of this.#given.get(stream)?.watched ?? []) {
      streams.delete(stream);
      if (streams.size > 0) continue;
      if (this.#shared.get(path)?.streams === streams) this.#shared.delete(path);
      void events.return?.();
    }
    this.#given.delete(stream);
  }
}

/** Whether a stream misses nothing if it gets what comes next of a task. @param after the event behind which it begins */
function fits({ last, from: began }: Watched, after: string, from: Ask['from']): boolean {
  if (after === '') return last === '' && began === from;
  return last === '' ? began === undefined : !isBehind(last, after);
}

/** Whether an event comes behind another. The ids of a task count up, until the server has lost it. */
function isBehind(id: string, position: string): boolean {
  const [epoch, count] = id.split('-');
  const [before, from] = position.split('-');
  return id !== '' && (epoch !== before || Number(count) > Number(from));
}

import type { StreamingClient } from '../streaming-client.js';
import type { TaskRun } from '../task-run.js';
import type { RunEvent } from '../task-types.js';
import type { Ask, Message } from './messages.js';

/** A task that is watched. */
interface Watched {
  readonly path: string;
  readonly run: TaskRun;
  readonly events: AsyncIterableIterator<RunEvent>;
  /** The streams that get its events, and up to where each has them. */
  readonly streams: Map<string, string>;
  /** The id of its newest event. */
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
  readonly #group = new Set<never>();
  readonly #tabs = new Set<string>();
  /** Paths of tasks that the server has refused among others. Alone, the answer says why before a stream is open. */
  readonly #refused = new Set<string>();

  /** @param whenClosed calls back when a tab is there no more */
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
      const fits = after ? !isBehind(shared?.last, after) : from === 'latest' || (!from && !shared?.last);
      // What lies between is read on a connection of its own.
      const watched = shared && fits ? shared : this.#watch(path, after, from, !shared);
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
    const watched = { path, run, events, streams: new Map<string, string>(), last: after };
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
        watched.last = id || watched.last;
        const to = [...streams.keys()].filter((stream) => !id || isBehind(id, streams.get(stream)));
        this.post({ to, task: path, event });
        const shared = this.#shared.get(path);
        if (shared && shared !== watched && !isBehind(shared.last, watched.last)) this.#join(watched, shared);
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

  /** Tells the streams how their connection stands. */
  #show({ run: { connection }, streams }: Watched): void {
    for (const stream of streams.keys()) {
      if (connection === 'live') this.#open(stream);
      if ((connection === 'reconnecting' || connection === 'offline') && this.#given.get(stream)?.isOpen) {
        this.post({ to: [stream], isCut: true });
        this.#drop(stream);
      }
    }
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
    const { message, status, code, issues } = (failure ?? {}) as Partial<Record<string, unknown>>;
    const to = [stream];
    if (failure) this.#refused.add(path);
    if (failure && given.tasks.length > 1) {
      // The tab asks for it alone, and is told why.
      this.#open(stream);
      this.post({ to, task: path, event: { id: '', type: 'unavailable', data: null } });
    } else if (failure) {
      this.post(
        typeof status === 'number' && !given.isOpen
          ? { to, status, body: { message, code, issues } }
          : { to, isCut: true },
      );
      this.#drop(stream);
    }
    if (given.watched.size > 0) return;
    this.post({ to, status: 204 });
    this.#given.delete(stream);
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

/** Whether an event comes behind another. The ids of a task count up, until the server has lost it. */
function isBehind(id = '', position = ''): boolean {
  const [epoch, count] = id.split('-');
  const [before, from] = position.split('-');
  return id !== '' && (epoch !== before || Number(count) > Number(from));
}

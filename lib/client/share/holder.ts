import type { StreamingRequestError } from '../errors.js';
import { isTerminal } from '../outcome.js';
import type { StreamingClient } from '../streaming-client.js';
import type { Reader } from '../watch/reader.js';
import type { Source } from '../watch/source.js';
import type { Ask, Message } from './messages.js';
import { Watched } from './watched.js';

/** A stream of a tab. */
interface Given extends Ask {
  readonly watched: Map<string, Watched>;
  isOpen: boolean;
}

type Group = WeakSet<Source>;

/**
 * Each new task has the shared connection opened again. So those that are asked for within so many milliseconds of the last are given
 * together. The time doubles while more are asked for, so that the others get their events.
 */
const LEAST_PAUSE = 200;
const MOST_PAUSE = 2_000;
/** A second look is taken at a task after so many milliseconds: whether it can join the others, or had ended before. */
const SECOND_LOOK = 1_000;

/** Why a task is not watched whose end was seen. */
const SEEN = new Error('Its end was seen');

/** In the tab that holds the connection: it watches for all tabs. */
export class Holder {
  readonly #asks = new Map<string, Ask>();
  readonly #given = new Map<string, Given>();
  /** What the next stream of a task joins, by path. */
  readonly #shared = new Map<string, Watched>();
  readonly #group: Group = new WeakSet();
  /** What stands apart from the others, or was not heard of yet. */
  readonly #unsettled = new Set<Watched>();
  /** The connection of most. The others join it. */
  #main: Source | undefined;
  readonly #tabs = new Set<string>();
  /** Tasks that the server has refused. They are asked for alone: then the answer says why, before a stream is open. */
  readonly #refused = new Set<string>();
  /** Tasks that had ended where their readers began, and the id of that end. */
  readonly #ends = new Map<string, string>();
  #nextPause = LEAST_PAUSE;
  #pause: NodeJS.Timeout | undefined;
  #secondLook: NodeJS.Timeout | undefined;

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
    if (again) {
      const isThere = this.#given.has(again) || this.#asks.has(again);
      this.post({ to: [again], ...(!isThere && { isCut: true }) });
    }
    if (!ask || this.#given.has(ask.stream)) return;
    this.#asks.set(ask.stream, ask);
    this.post({ to: [ask.stream] });
    if (this.#pause === undefined) this.#giveAll();
  }

  close(): void {
    clearTimeout(this.#pause);
    clearTimeout(this.#secondLook);
    this.#asks.clear();
    for (const stream of this.#given.keys()) this.#drop(stream);
  }

  #giveAll(): void {
    this.#pause = undefined;
    const asks = [...this.#asks.values()];
    this.#asks.clear();
    for (const ask of asks) this.#give(ask);
    if (asks.length > 0) this.#pause = setTimeout(() => this.#giveAll(), this.#nextPause);
    this.#nextPause = asks.length > 0 ? Math.min(2 * this.#nextPause, MOST_PAUSE) : LEAST_PAUSE;
  }

  #give(ask: Ask): void {
    const { stream, tab, tasks, from } = ask;
    if (!this.#tabs.has(tab)) {
      this.#tabs.add(tab);
      this.whenClosed(tab, () => {
        this.#tabs.delete(tab);
        for (const given of this.#given.values()) if (given.tab === tab) this.#drop(given.stream);
      });
    }
    const given = { ...ask, watched: new Map<string, Watched>(), isOpen: false };
    this.#given.set(stream, given);
    // What this stream needs and the others have had is read on a connection of its own.
    const own: Group = new WeakSet();
    for (const [path, after] of tasks) {
      const shared = this.#shared.get(path);
      // It is asked for only once: by then it may have been started anew.
      const isOver = after !== '' && tasks.length === 1 && this.#ends.get(path) === after;
      if (isOver && this.#ends.delete(path)) continue;
      const wasRefused = this.#refused.delete(path);
      const watched = shared?.beginsAt(after, from)
        ? shared
        : this.#watch(path, after, from, shared || wasRefused ? own : this.#group, wasRefused);
      watched.streams.set(stream, after);
      given.watched.set(path, watched);
      this.#show(watched);
      if (watched !== shared && after !== '') {
        watched.mayHaveEnded = true;
        this.#lookAgain(watched);
      }
    }
    // There is something to join now.
    for (const each of this.#shared.values()) if (!each.isUnheard) this.#lookAgain(each);
    if (given.watched.size === 0 && this.#given.delete(stream)) this.post({ to: [stream], status: 204 });
  }

  /** @param group of runs that are always watched on the same connections */
  #watch(path: string, after: string, from: Ask['from'], group: Group, wasRefused = false): Watched {
    const [app = '', name = '', id = ''] = path.split('/').map(decodeURIComponent);
    const [run] = this.client.watch([{ app, name, id }]);
    Object.assign(run, { group });
    const isShared = group === this.#group;
    const isNewcomer =
      isShared && [...this.#shared.values()].some((other) => other.run.connection === 'live');
    const watched = new Watched(path, run, after, from, isNewcomer || wasRefused);
    if (!this.#shared.has(path)) this.#shared.set(path, watched);
    void this.#read(watched);
    if (watched.isSuspect) this.#lookAgain(watched);
    return watched;
  }

  async #read(watched: Watched): Promise<void> {
    const { path, run, streams } = watched;
    const stop = run.subscribe(() => this.#show(watched));
    // Without a last event it is over, too: that was seen before.
    let failure: unknown = SEEN;
    try {
      for await (const event of watched.events) {
        const to = watched.take(event);
        if (to.length > 0) this.post({ to, task: path, event });
        const shared = this.#shared.get(path);
        if (shared && shared !== watched && shared.isBefore(event.id)) this.#join(watched, shared);
        else if (watched.source !== this.#main && !isTerminal(event.type)) this.#lookAgain(watched);
        if (isTerminal(event.type)) failure = undefined;
        if (streams.size === 0) break;
      }
    } catch (error) {
      failure = error;
    }
    stop();
    this.#over(watched, failure);
  }

  #over(watched: Watched, failure: unknown): void {
    const { path, streams, last } = watched;
    watched.isOver = true;
    if (this.#shared.get(path) === watched) this.#shared.delete(path);
    // It may be the reason why all of them were refused.
    if (failure && failure !== SEEN && (watched.isSuspect || isRefusal(failure))) this.#refused.add(path);
    const left = [...streams.keys()];
    // The stream of each tab is asked for anew, for this task alone. That is over.
    if (failure === SEEN && left.length > 0) this.#ends.set(path, last);
    streams.clear();
    for (const stream of left) this.#end(watched, stream, failure);
  }

  /** What has caught up goes on with the others. */
  #join({ path, streams, last }: Watched, shared: Watched): void {
    for (const stream of streams.keys()) {
      shared.streams.set(stream, last);
      this.#given.get(stream)?.watched.set(path, shared);
    }
    streams.clear();
  }

  #lookAgain(watched: Watched): void {
    this.#unsettled.add(watched);
    this.#secondLook ??= setTimeout(() => {
      this.#secondLook = undefined;
      void this.#settle();
    }, SECOND_LOOK);
  }

  async #settle(): Promise<void> {
    const unsettled = [...this.#unsettled];
    this.#unsettled.clear();
    const unheard: Watched[] = [];
    for (const watched of unsettled) {
      if (watched.run.connection === 'live') watched.isSuspect = false;
      if (watched.last === '' || watched.streams.size === 0) continue;
      if (!this.#joinOthers(watched)) this.#lookAgain(watched);
      if (watched.mayHaveEnded && watched.isUnheard) unheard.push(watched);
    }
    // That needs a connection: there may be none left until some have joined.
    for (const watched of unheard) if (watched.streams.size > 0) await this.#lookAtEnd(watched);
  }

  #sourceOfMost(): Source | undefined {
    const counts = new Map<Source, number>();
    for (const { source } of this.#shared.values())
      if (source) counts.set(source, (counts.get(source) ?? 0) + 1);
    const [most] = [...counts].toSorted(([, one], [, other]) => other - one);
    return most?.[0];
  }

  /** A stream of many tasks does not say that a task had ended where its reader begins. */
  async #lookAtEnd(watched: Watched): Promise<void> {
    const { run, last, events } = watched;
    try {
      const { status, lastEventId } = await run.snapshot();
      watched.mayHaveEnded = false;
      if (!isTerminal(status) || lastEventId !== last || watched.isOver) return;
      this.#over(watched, SEEN);
      void events.return?.();
    } catch (error) {
      // Whether it may be watched, the stream says.
      if (!isRefusal(error)) this.#lookAgain(watched);
    }
  }

  /** @returns whether it is where it should be, or has moved there */
  #joinOthers(watched: Watched): boolean {
    const { path, last, events } = watched;
    const main = (this.#main = this.#sourceOfMost());
    if (!this.#shared.has(path)) this.#shared.set(path, watched);
    let shared = this.#shared.get(path);
    if (shared === watched) {
      // It may have as many tasks as a connection can.
      if (!main?.takes(events as Reader) || watched.source === main) return true;
      this.#shared.delete(path);
      shared = this.#watch(path, last, undefined, new WeakSet([main]), true);
      shared.mayHaveEnded = watched.mayHaveEnded && watched.isUnheard;
    } else if (!shared?.isBefore(last) || watched.run.connection !== 'live') return false;
    this.#join(watched, shared);
    void events.return?.();
    return true;
  }

  /**
   * A stream is open once one of its tasks is. It stays open while a lost connection is opened again. If that fails, each tab is told
   * and asks anew after its own delay.
   */
  #show(watched: Watched): void {
    if (watched.run.connection !== 'live') return;
    for (const stream of watched.streams.keys()) this.#open(stream);
    if (this.#main && watched.source !== this.#main) this.#lookAgain(watched);
  }

  #open(stream: string): void {
    const given = this.#given.get(stream);
    if (!given || given.isOpen) return;
    given.isOpen = true;
    this.post({ to: [stream], status: 200 });
  }

  /** A task has ended, or cannot be watched. */
  #end(watched: Watched, stream: string, failure: unknown): void {
    const given = this.#given.get(stream);
    if (!given) return;
    given.watched.delete(watched.path);
    if (failure) this.#fail(given, watched, failure);
    if (given.watched.size > 0 || !this.#given.delete(stream)) return;
    this.post({ to: [stream], status: 204 });
  }

  #fail(given: Given, { path, isSuspect }: Watched, failure: unknown): void {
    const { status = 0, code, message, issues, retryAfter } = refusalIn(failure);
    const to = [given.stream];
    const isMany = given.tasks.length > 1;
    if (failure === SEEN && !given.isOpen && !isMany) {
      this.#ends.delete(path);
      return;
    }
    if (isMany && (failure === SEEN || isSuspect || (isRefusal(failure) && status !== 401))) {
      // The tab asks for it alone, and is told why.
      this.#open(given.stream);
      this.post({ to, task: path, event: { id: '', type: 'unavailable', data: null } });
      return;
    }
    this.#drop(given.stream);
    if (status >= 400 && !given.isOpen)
      this.post({ to, status, retryAfter, body: { message: code && message, code, issues } });
    else this.post({ to, isCut: true, retryAfter });
  }

  #drop(stream: string): void {
    this.#asks.delete(stream);
    for (const [path, { events, streams }] of this.#given.get(stream)?.watched ?? []) {
      streams.delete(stream);
      if (streams.size > 0) continue;
      if (this.#shared.get(path)?.streams === streams) this.#shared.delete(path);
      void events.return?.();
    }
    this.#given.delete(stream);
  }
}

/** It is tried once, so a connection that could not be had says why. */
function refusalIn(failure: unknown): Partial<StreamingRequestError> {
  const refusal = failure instanceof Error && !('status' in failure) ? failure.cause : failure;
  return refusal ?? {};
}

function isRefusal(failure: unknown): boolean {
  const { status = 0 } = refusalIn(failure);
  return status >= 400 && status < 500 && status !== 429;
}

import { createParser } from 'eventsource-parser';
import { StreamingConnectionError, StreamingRequestError } from '../errors.js';
import { queryOf, type Call, type Transport } from '../http/transport.js';
import { delayAfter, later, limit, until } from '../http/waiting.js';
import { isTerminal } from '../outcome.js';
import type { Connection, WireSnapshot } from '../task-types.js';
import type { Hub } from './hub.js';
import type { Reader } from './reader.js';
import { isOffline, listen, page, type PageEvent } from './wake-ups.js';

/** What the server takes at most, in tasks and in characters of the URL: proxies take 8 KB of headers. */
const MOST_TASKS = 100;
const MOST_CHARACTERS = 6_000;
/** How many events a reader may hold while others on its connection read on. */
const MOST_HELD = 1_000;
/** How long the server may take to end a stream behind its last event, in milliseconds. */
const END_TIMEOUT = 1_000;

/** An event, as a stream of many tasks has it. */
interface Envelope {
  readonly task: string;
  readonly id: string;
  readonly data: unknown;
}

/** One connection, of one task or of many, which is opened again until the last of its tasks has ended. */
export class Source {
  /** All of one task stand at the same position. */
  readonly #readers = new Set<Reader>();
  #connection: Connection = 'connecting';
  #cut = new AbortController();
  /** Ends what the connection waits for. */
  #wake: (() => void) | undefined;
  /** Tries in a row, since the last event: the one that is under way, too. */
  #tries = 1;
  /** What the stream's `retry:` asks for, in milliseconds. */
  #retry = 0;
  /** Its tasks are not those that it was opened for, or it has to be opened again for another reason. */
  #isStale = false;
  #hasOpened = false;
  #isStarved = false;
  /** Since when it is read without an answer. */
  #silentSince = Infinity;

  constructor(
    private readonly hub: Hub,
    private readonly from: 'latest' | 'state' | undefined,
  ) {}

  get #transport(): Transport {
    return this.hub.transport;
  }

  /** Whether it watches the task of this path. */
  has(path: string): boolean {
    return this.#of(path).length > 0;
  }

  /** Whether a reader fits in. One that begins elsewhere than another of its task needs a connection of its own. */
  takes({ run: { path }, position, isForEnd, from }: Reader): boolean {
    const [other] = this.#of(path);
    if (other) return isForEnd || (!this.#hasOpened && other.position === position);
    const paths = [...this.#positions().keys(), path];
    return (
      (isForEnd || position !== undefined || from === this.from) &&
      paths.length <= MOST_TASKS &&
      paths.join('&task=').length <= MOST_CHARACTERS
    );
  }

  /** Takes another reader. What is open has to be opened again, unless its task is there. */
  add(reader: Reader): void {
    this.#isStale ||= !this.has(reader.run.path);
    this.#readers.add(reader);
    reader.source = this;
    reader.connection = this.#connection;
  }

  remove(reader: Reader): void {
    this.#readers.delete(reader);
    if (this.#readers.size === 0) this.#restart();
  }

  /** Somebody wants more. */
  feed(): void {
    if (this.#isStarved) this.#wake?.();
  }

  /** Drops what is open, and opens it again at once. */
  #restart(): void {
    this.#isStale = true;
    this.#cut.abort();
    this.#wake?.();
  }

  /** Never rejects. */
  async keepOpen(): Promise<void> {
    const { open } = this.hub;
    if (open.has(this)) {
      if (this.#isStale) this.#restart();
      return;
    }
    open.add(this);
    let isLeft = false;
    const wake = ({ type, persisted }: PageEvent): void => {
      // One heartbeat comes three times while a stream may be silent.
      if (
        type === 'visibilitychange'
          ? !page.document?.hidden &&
            Date.now() - this.#silentSince > this.#transport.options.heartbeatTimeout / 3
          : type === 'pageshow'
            ? persisted
            : !isLeft
      ) {
        isLeft = type === 'pagehide';
        this.#restart();
      }
    };
    listen('addEventListener', wake);
    try {
      while (this.#readers.size > 0) {
        // Firefox cuts the streams of a page that is left, and keeps one that is opened after that.
        await (isLeft ? this.#pause(Infinity) : this.#openOnce());
      }
    } catch (error) {
      const isRefused = error instanceof StreamingRequestError;
      // Which of many tasks is meant, the stream of each will say.
      if (isRefused && this.#positions().size > 1) this.#sendOff(this.#readers);
      for (const reader of this.#readers) {
        this.#readers.delete(reader);
        reader.fail(error, isRefused ? 'refused' : 'idle');
      }
    }
    listen('removeEventListener', wake);
    open.delete(this);
  }

  async #openOnce(): Promise<void> {
    const { retry } = this.#transport.options;
    const cut = (this.#cut = new AbortController());
    const positions = this.#positions();
    const [only] = positions.size > 1 ? [] : [...positions.keys()];
    const call = this.#call(positions, only);
    // Fails for a base URL that is none: there is nothing to try again.
    const url = this.#transport.urlOf(call.path);
    let isCut = false;
    let fault: unknown;
    this.#isStale = false;
    try {
      const { status, body } = await this.#transport.send(call, cut);
      if (status === 204) {
        await this.#finish(cut);
        return;
      }
      const stream = body as ReadableStream<Uint8Array> | null;
      if (!stream?.getReader) throw new Error(`No stream from ${url}`);
      isCut = true;
      if (!this.#hasOpened) this.#tries = 0;
      this.#hasOpened = true;
      this.#show('live');
      await this.#read(stream, cut, only);
      isCut = false;
    } catch (error) {
      fault = error;
      // It was opened again, for others than before, and has failed.
      if (!isCut) this.#tries ||= 1;
    } finally {
      this.#silentSince = Infinity;
      cut.abort();
    }
    if (this.#isStale || this.#readers.size === 0) return;
    const { status = 500, retryAfter = 0 } = fault instanceof StreamingRequestError ? fault : {};
    if (status >= 400 && status < 500 && status !== 429) throw fault;
    const tries = this.#tries++;
    if (tries >= retry.attempts)
      throw new StreamingConnectionError(`No stream from ${url}`, { cause: fault });
    this.#show(isOffline() ? 'offline' : 'reconnecting');
    // The first try after a cut comes at once.
    if (isCut && tries === 0) return;
    await this.#pause(Math.max(this.#retry, retryAfter, delayAfter(tries, retry)));
  }

  /** @param only the task, on a stream of one */
  async #read(
    body: ReadableStream<Uint8Array>,
    cut: AbortController,
    only: string | undefined,
  ): Promise<void> {
    const chunks = body.getReader();
    const decoder = new TextDecoder();
    const parser = createParser({
      onEvent: ({ id = '', event = 'message', data }) => this.#take(only, id, event, data),
      onRetry: (ms) => {
        this.#retry = ms;
      },
    });
    try {
      for (;;) {
        const isOver = this.#readers.size === 0;
        if (!isOver) await this.#appetite(cut.signal);
        this.#silentSince = Date.now();
        const stop = limit(isOver ? END_TIMEOUT : this.#transport.options.heartbeatTimeout, cut);
        const { done, value } = await until(chunks.read(), cut.signal).finally(stop);
        this.#silentSince = Infinity;
        if (done) return;
        parser.feed(decoder.decode(value, { stream: true }));
        // A reader that does not read, while others do, goes on later on a connection of its own.
        for (const reader of this.#isHungry ? this.#readers : []) {
          if (reader.held.length < MOST_HELD) continue;
          reader.isAlone = true;
          reader.leave('idle');
        }
      }
    } finally {
      chunks.cancel().catch(() => undefined);
    }
  }

  /** Data that is no JSON throws: the stream is opened again. */
  #take(only: string | undefined, id: string, type: string, text: string): void {
    const given = JSON.parse(text) as unknown;
    const event = only === undefined ? (given as Envelope) : { task: only, id, data: given };
    this.#tries = 0;
    const readers = this.#of(event.task);
    if (only === undefined && type === 'unavailable') return this.#sendOff(readers);
    const data = this.#transport.revive(event.data);
    for (const reader of readers) {
      // What an interceptor adds has no id.
      reader.push({ id: event.id || (reader.position ?? ''), type, data });
      if (isTerminal(type)) this.#end(reader);
    }
  }

  #end(reader: Reader): void {
    this.#readers.delete(reader);
    // What is open is not cut: the server ends it.
    reader.source = undefined;
    reader.end('ended');
  }

  #sendOff(readers: Iterable<Reader>): void {
    for (const reader of readers) {
      this.remove(reader);
      reader.isAlone = true;
      this.hub.join(reader);
    }
  }

  /** The server says that the end was seen. Who wants to know how it was is told by the snapshot. */
  async #finish(cut: AbortController): Promise<void> {
    for (const { run, isForEnd } of this.#readers) {
      if (!isForEnd) continue;
      const answer = await this.#transport.send(run.statusCall, cut);
      if (!run.hearSnapshot(answer.body as WireSnapshot)) throw new Error('No end');
    }
    if (!this.#isStale) for (const reader of this.#readers) this.#end(reader);
  }

  #call(positions: ReadonlyMap<string, string>, only: string | undefined): Call {
    const from = queryOf({ from: this.from });
    const lastEventId = [...positions.values()].join('.');
    return {
      method: 'GET',
      path:
        only === undefined
          ? `/events?task=${[...positions.keys()].join('&task=')}${from.replace('?', '&')}`
          : `/${only}${from}`,
      after: /[^.]/.test(lastEventId) ? lastEventId : '',
    };
  }

  /** Each task, and the id of the newest event of it that was taken; nothing where none was. */
  #positions(): Map<string, string> {
    const positions = new Map<string, string>();
    for (const { run, position = '' } of this.#readers) {
      if (!positions.get(run.path)) positions.set(run.path, position);
    }
    return positions;
  }

  #of(path: string): Reader[] {
    return [...this.#readers].filter(({ run }) => run.path === path);
  }

  get #isHungry(): boolean {
    return [...this.#readers].some(({ isHungry }) => isHungry);
  }

  #show(connection: Connection): void {
    this.#connection = connection;
    for (const reader of this.#readers) {
      reader.connection = connection;
      reader.run.refresh();
    }
  }

  /** Waits until somebody wants more, or what is open is dropped. */
  async #appetite(cut: AbortSignal): Promise<void> {
    while (!this.#isHungry && !cut.aborted) {
      this.#isStarved = true;
      await this.#pause(Infinity);
      this.#isStarved = false;
    }
  }

  /** Waits so many milliseconds, or until it is woken. */
  async #pause(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const stop = later(ms, resolve);
      this.#wake = () => {
        stop();
        resolve();
      };
    });
  }
}

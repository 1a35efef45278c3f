import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { StreamingConnectionError, StreamingRequestError } from '../errors.js';
import { Retries } from '../http/retries.js';
import type { Call, Transport } from '../http/transport.js';
import { later, until } from '../http/waiting.js';
import { isTerminal } from '../outcome.js';
import type { Connection } from '../task-types.js';
import type { Hub } from './hub.js';
import type { GivenEvent, Sink } from './sink.js';
import { isOffline } from './wake-ups.js';

/** What the server takes at most, in tasks and in characters of the URL: proxies take 8 KB of headers. */
const MOST_TASKS = 100;
const MOST_CHARACTERS = 6_000;
/** How long the server may take to end a stream behind its last event, in milliseconds. */
const END_TIMEOUT = 1_000;

/** A task on a stream, and who reads it. All of them stand at the same position. */
interface Member {
  readonly sinks: Set<Sink>;
  position: string | undefined;
}

/** An event on a stream of many tasks. */
interface Envelope {
  readonly task: string;
  readonly id: string;
  readonly data: unknown;
}

/** One connection, of one task or of many, which is opened again until the last of its tasks has ended. */
export class Source {
  /** By the path of the task. */
  readonly #members = new Map<string, Member>();
  readonly #transport: Transport;
  readonly #retries: Retries;
  #cut = new AbortController();
  /** Ends what the connection waits for. */
  #wake: () => void = () => undefined;
  /** The same, while it waits for somebody who wants more. */
  #serve: () => void = () => undefined;
  #isRestarting = false;
  #hasOpened = false;
  /** Since when it is read without an answer. */
  #silentSince: number | undefined;

  constructor(
    private readonly hub: Hub,
    readonly from: 'latest' | 'state' | undefined,
  ) {
    this.#transport = hub.transport;
    this.#retries = new Retries(hub.transport.options.retry);
  }

  /** Whether it has missed a heartbeat. One comes three times while a stream may be silent. */
  get isSilent(): boolean {
    const { heartbeatTimeout } = this.#transport.options;
    return this.#silentSince !== undefined && Date.now() - this.#silentSince > heartbeatTimeout / 3;
  }

  /** Takes another reader, if it fits. What is open has to be opened again, unless its task is there. */
  add(sink: Sink): 'refused' | 'joined' | 'reopen' {
    const { path } = sink.run;
    const member = this.#members.get(path);
    const fits = member
      ? sink.isForEnd || (!this.#hasOpened && member.position === sink.position)
      : sink.isForEnd || sink.position !== undefined || sink.from === this.from;
    if (!fits || (!member && !this.#hasRoomFor(path))) return 'refused';
    if (member) member.sinks.add(sink);
    else this.#members.set(path, { sinks: new Set([sink]), position: sink.position });
    sink.source = this;
    sink.connection = this.#connection;
    return member ? 'joined' : 'reopen';
  }

  remove(sink: Sink): void {
    const { path } = sink.run;
    const member = this.#members.get(path);
    if (member?.sinks.delete(sink) && member.sinks.size === 0) this.#members.delete(path);
    if (this.#members.size > 0) return;
    this.#cut.abort();
    this.#wake();
  }

  /** Whether it watches the task of a run. */
  has(path: string): boolean {
    return this.#members.has(path);
  }

  /** Somebody wants more. */
  feed(): void {
    this.#serve();
  }

  /** Drops what is open, and opens it again at once. */
  restart(): void {
    this.#isRestarting = true;
    this.#cut.abort();
    this.#wake();
  }

  /** Never rejects. */
  async open(): Promise<void> {
    this.hub.opened(this);
    try {
      await this.#keepOpen();
    } catch (error) {
      const isRefused = error instanceof StreamingRequestError;
      // Which of many tasks is meant, the stream of each will say.
      if (isRefused && this.#members.size > 1) this.#split();
      for (const sink of this.#takeAll()) sink.refuse(error, isRefused ? 'refused' : 'idle');
    } finally {
      this.hub.closed(this);
    }
  }

  async #keepOpen(): Promise<void> {
    while (this.#members.size > 0) {
      this.#isRestarting = false;
      this.#retries.tries += 1;
      const cut = (this.#cut = new AbortController());
      const [only, ...others] = this.#members.keys();
      const call = this.#call();
      // Fails for a base URL that is none: nothing to try again.
      const url = this.#transport.urlOf(call);
      let isCut = false;
      let fault: unknown;
      try {
        const response = await this.#transport.send(call, cut);
        if (response.status === 204) {
          await this.#finish(cut);
          continue;
        }
        if (!response.ok) throw await this.#transport.refusal(call, response, cut);
        const type = response.headers.get('content-type') ?? 'nothing';
        if (!type.startsWith('text/event-stream')) throw new Error(`The answer is ${type}, no event stream`);
        isCut = true;
        if (!this.#hasOpened) this.#retries.tries = 0;
        this.#hasOpened = true;
        this.#show('live');
        await this.#read(response, cut, others.length === 0 ? only : undefined);
        isCut = false;
        fault = new Error('The stream has ended before its task');
      } catch (error) {
        fault = error;
      } finally {
        this.#silentSince = undefined;
        cut.abort();
      }
      if (this.#isRestarting || this.#members.size === 0) continue;
      const refusal = fault instanceof StreamingRequestError ? fault : undefined;
      if (refusal && refusal.status < 500 && refusal.status !== 429) throw refusal;
      if (this.#retries.usedUp) throw new StreamingConnectionError(`No stream from ${url}`, { cause: fault });
      this.#show(isOffline() ? 'offline' : 'reconnecting');
      await this.#pause(this.#retries.delay(isCut, refusal?.retryAfter ?? 0));
    }
  }

  /** @param only the task, on a stream of one */
  async #read({ body }: Response, cut: AbortController, only: string | undefined): Promise<void> {
    const reader = (body as ReadableStream<Uint8Array>).getReader();
    const decoder = new TextDecoder();
    const parser = createParser({
      onEvent: (message) => this.#take(message, only),
      onRetry: (ms) => {
        this.#retries.asked = ms;
      },
    });
    try {
      for (;;) {
        const isOver = this.#members.size === 0;
        if (!isOver) await this.#appetite(cut.signal);
        this.#silentSince = Date.now();
        const stop = later(isOver ? END_TIMEOUT : this.#transport.options.heartbeatTimeout, () =>
          cut.abort(new Error('The stream is silent')),
        );
        const { done, value } = await until(reader.read(), cut.signal).finally(stop);
        this.#silentSince = undefined;
        if (done) return;
        parser.feed(decoder.decode(value, { stream: true }));
        this.#sendAway();
      }
    } finally {
      reader.cancel().catch(() => undefined);
    }
  }

  /** Data that is no JSON throws: the stream is opened again. */
  #take(
    { id = '', event: type = 'message', data: text }: EventSourceMessage,
    only: string | undefined,
  ): void {
    const { reviver } = this.#transport.options;
    const envelope =
      only === undefined
        ? (JSON.parse(text) as Envelope)
        : { task: only, id, data: JSON.parse(text, reviver) as unknown };
    this.#retries.tries = 0;
    const member = this.#members.get(envelope.task);
    if (!member) return;
    if (only === undefined && type === 'unavailable') return this.#sendOff(member.sinks);
    const data = only === undefined ? this.#transport.revive(envelope.data) : envelope.data;
    // What an interceptor adds has no id.
    const event: GivenEvent = { id: envelope.id || (member.position ?? ''), type, data };
    member.position = event.id;
    for (const sink of member.sinks) sink.push(event);
    if (!isTerminal(type)) return;
    this.#members.delete(envelope.task);
    for (const sink of member.sinks) sink.finish();
  }

  /** Whoever holds as much as it may, while others wait, goes on later on a connection of its own. */
  #sendAway(): void {
    if (!this.#isHungry) return;
    const full = [...this.#members.values()].flatMap(({ sinks }) =>
      [...sinks].filter(({ isFull }) => isFull),
    );
    for (const sink of full) {
      sink.isAlone = true;
      sink.leave();
    }
  }

  #split(): void {
    this.#sendOff(this.#sinks());
  }

  #sendOff(sinks: Iterable<Sink>): void {
    for (const sink of sinks) {
      this.remove(sink);
      sink.isAlone = true;
      this.hub.join(sink);
    }
  }

  /** The server says that the end was seen. Who wants to know how it was is told by the snapshot. */
  async #finish(cut: AbortController): Promise<void> {
    for (const { run, isForEnd } of this.#sinks()) {
      if (!isForEnd || run.hasOutcome) continue;
      const { body } = await this.#transport.askOnce(run.statusCall, cut);
      if (run.hearSnapshot(this.#transport.snapshotOf(body))) continue;
      throw new Error('The stream has ended, and the task has not');
    }
    if (this.#isRestarting) return;
    for (const sink of this.#takeAll()) sink.finish();
  }

  #call(): Call {
    const paths = [...this.#members.keys()];
    const positions = [...this.#members.values()].map(({ position }) => position ?? '');
    const path = paths.length === 1 ? `/${paths[0]}` : '/events';
    const query = [
      ...(paths.length === 1 ? [] : paths.map((task) => `task=${encodeURIComponent(task)}`)),
      ...(this.from === undefined ? [] : [`from=${this.from}`]),
    ];
    const lastEventId = positions.some((position) => position !== '') ? positions.join('.') : undefined;
    return {
      method: 'GET',
      path: query.length === 0 ? path : `${path}?${query.join('&')}`,
      headers: {
        accept: 'text/event-stream',
        ...(lastEventId !== undefined && { 'last-event-id': lastEventId }),
      },
    };
  }

  get #isHungry(): boolean {
    return this.#sinks().some(({ isHungry }) => isHungry);
  }

  get #connection(): Connection {
    return this.#sinks()[0]?.connection ?? 'connecting';
  }

  #hasRoomFor(path: string): boolean {
    const paths = [...this.#members.keys(), path];
    return paths.length <= MOST_TASKS && paths.join('task=&%2F%2F').length <= MOST_CHARACTERS;
  }

  #sinks(): Sink[] {
    return [...this.#members.values()].flatMap(({ sinks }) => [...sinks]);
  }

  #takeAll(): Sink[] {
    const sinks = this.#sinks();
    this.#members.clear();
    return sinks;
  }

  #show(connection: Connection): void {
    for (const sink of this.#sinks()) {
      sink.connection = connection;
      sink.run.refresh();
    }
  }

  /** Waits so many milliseconds. */
  async #pause(ms: number): Promise<void> {
    if (ms === 0) return;
    await new Promise<void>((resolve) => {
      const stop = later(ms, resolve);
      this.#wake = () => {
        stop();
        resolve();
      };
    });
  }

  /** Waits until somebody wants more, or the connection is dropped. */
  async #appetite(cut: AbortSignal): Promise<void> {
    while (!this.#isHungry && !cut.aborted) {
      await new Promise<void>((resolve) => {
        this.#serve = this.#wake = resolve;
      });
    }
  }
}

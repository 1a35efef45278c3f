import { isTerminal } from '../outcome.js';
import type { Ask, Message } from './messages.js';
import type { HearsTabs, Tabs } from './tabs.js';

/** How long the tab that holds the connection may take to say that it is there, in milliseconds. */
const MOST_PATIENCE = 1_000;
/** The most events that wait in a stream until they are read. */
const MOST_HELD = 1_000;

/** What a stream needs of the client's options, in milliseconds. */
export interface StreamTimes {
  readonly openTimeout: number;
  readonly heartbeatTimeout: number;
}

/** A stream of this tab that comes from the one that holds the connection, as a server would answer. */
export class SharedStream implements HearsTabs {
  readonly response: Promise<Response>;
  /** Behind which event of each task it goes on, by path. */
  readonly #positions: Map<string, string>;
  readonly #isOfMany: boolean;
  readonly #patience: NodeJS.Timeout;
  #stream = '';
  /** Whether a tab that holds the connection has answered to its name. */
  #isKnown = false;
  #beat: NodeJS.Timeout | undefined;
  #resolve!: (response: Response | Promise<Response>) => void;
  #reject!: (error: Error) => void;
  /** Of the stream, once it is open. */
  #control: ReadableStreamDefaultController<Uint8Array> | undefined;

  /** @param openOwn asks the server, where no tab answers or the other tab may not watch */
  constructor(
    private readonly tabs: Tabs,
    private readonly asked: Pick<Ask, 'tasks' | 'from'>,
    private readonly openOwn: () => Promise<Response>,
    private readonly times: StreamTimes,
  ) {
    this.#positions = new Map(asked.tasks);
    this.#isOfMany = asked.tasks.length > 1;
    this.response = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    const patience = Math.min(MOST_PATIENCE, times.openTimeout / 2);
    this.#patience = setTimeout(() => this.#goAlone(), patience);
    this.#takeName();
    this.#ask();
  }

  hear({ isNew, isCut, status, body, retryAfter, event, task }: Message): void {
    if (isNew) return this.#askAnother();
    this.#isKnown = true;
    clearTimeout(this.#patience);
    this.#askLater();
    if (isCut) this.#cut(retryAfter);
    else if (status) this.#answer(status, body, retryAfter);
    else if (event && task !== undefined) {
      const { id, type, data } = event;
      const given = this.#isOfMany ? { task, id, data } : data;
      if (!this.#give(`id: ${id}\nevent: ${type}\ndata: ${JSON.stringify(given)}`)) return;
      if (type === 'unavailable' || isTerminal(type)) this.#positions.delete(task);
      else this.#positions.set(task, id);
    } else this.#give(':');
  }

  leave(): void {
    clearTimeout(this.#patience);
    clearTimeout(this.#beat);
    if (this.tabs.streams.delete(this.#stream)) this.tabs.say({ leave: this.#stream });
  }

  #takeName(): void {
    this.tabs.streams.delete(this.#stream);
    this.#stream = crypto.randomUUID();
    this.tabs.streams.set(this.#stream, this);
    this.#isKnown = false;
  }

  #askAnother(): void {
    // What the tab before has sent may still come, and is sent again: to a stream of another name.
    if (this.#isKnown) this.#takeName();
    this.#ask();
  }

  #ask(): void {
    const tasks = [...this.#positions];
    if (tasks.length === 0) this.#answer(204, undefined);
    else this.tabs.say({ ask: { tasks, from: this.asked.from, stream: this.#stream, tab: this.tabs.id } });
  }

  /** A timer that an answer sets is not slowed down as much in a hidden page as one that sets itself. */
  #askLater(): void {
    clearTimeout(this.#beat);
    const ms = this.times.heartbeatTimeout / 3;
    if (ms < 2 ** 31) this.#beat = setTimeout(() => this.tabs.say({ again: this.#stream }), ms);
  }

  #goAlone(): void {
    this.leave();
    this.#resolve(this.openOwn());
  }

  #answer(status: number, body: unknown, retryAfter = 0): void {
    if (status === 200) return this.#open();
    // The other tab was refused. This one has headers of its own.
    if (!this.#control && (status === 401 || status === 403)) return this.#goAlone();
    if (this.#control) return this.#cut(retryAfter);
    this.leave();
    const headers = { 'retry-after': String(retryAfter / 1_000) };
    this.#resolve(new Response(body ? JSON.stringify(body) : null, { status, headers }));
  }

  /** It stays open when another tab gets the connection. */
  #open(): void {
    if (this.#control) return;
    const stream = new ReadableStream<Uint8Array>(
      {
        start: (control) => {
          this.#control = control;
        },
        cancel: () => this.leave(),
      },
      { highWaterMark: MOST_HELD },
    );
    // What an earlier stream asked for is over.
    this.#give('retry: 0');
    this.#resolve(new Response(stream, { headers: { 'content-type': 'text/event-stream' } }));
  }

  #give(frame: string): boolean {
    if (!this.#control) return false;
    const isFull = Number(this.#control.desiredSize) <= 0;
    if (isFull) this.#cut();
    else this.#control.enqueue(new TextEncoder().encode(`${frame}\n\n`));
    return !isFull;
  }

  /** The client reads what it was given. Then it asks anew, after its own delay. */
  #cut(retryAfter = 0): void {
    this.leave();
    const control = this.#control;
    if (!control) return this.#reject(new Error('The tab that holds the connection has none'));
    if (retryAfter > 0) control.enqueue(new TextEncoder().encode(`retry: ${Math.ceil(retryAfter)}\n\n`));
    control.close();
  }
}

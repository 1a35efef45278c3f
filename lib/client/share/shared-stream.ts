import type { Ask, Message } from './messages.js';
import type { HearsTabs, Tabs } from './tabs.js';

/** How long the tab that holds the connection may take to say that it is there, in milliseconds. */
const PATIENCE = 1_000;
/** The most events that wait in a stream until they are read. */
const MOST_HELD = 1_000;

/** A stream of this tab that comes from the one that holds the connection, as a server would answer. */
export class SharedStream implements HearsTabs {
  readonly response: Promise<Response>;
  readonly #stream = crypto.randomUUID();
  readonly #patience: NodeJS.Timeout;
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
    private readonly heartbeatTimeout: number,
  ) {
    this.response = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#patience = setTimeout(() => this.#goAlone(), PATIENCE);
    tabs.streams.set(this.#stream, this);
    this.#ask();
  }

  hear({ isNew, isCut, status, body, retryAfter, event, task }: Message): void {
    if (isNew && !this.#control) return this.#ask();
    clearTimeout(this.#patience);
    this.#askLater();
    if (isNew || isCut) this.#fail('The tab that held the connection has lost it');
    else if (status) this.#answer(status, body, retryAfter);
    else if (event) {
      const { id, type, data } = event;
      const given = this.asked.tasks.length > 1 ? { task, id, data } : data;
      this.#give(`id: ${id}\nevent: ${type}\ndata: ${JSON.stringify(given)}`);
    } else this.#give(':');
  }

  leave(): void {
    clearTimeout(this.#patience);
    clearTimeout(this.#beat);
    if (this.tabs.streams.delete(this.#stream)) this.tabs.say({ leave: this.#stream });
  }

  #ask(): void {
    this.tabs.say({ ask: { ...this.asked, stream: this.#stream, tab: this.tabs.id } });
  }

  /** A timer that an answer sets is not slowed down as much in a hidden page as one that sets itself. */
  #askLater(): void {
    clearTimeout(this.#beat);
    const ms = this.heartbeatTimeout / 3;
    if (ms < 2 ** 31) this.#beat = setTimeout(() => this.tabs.say({ again: this.#stream }), ms);
  }

  #goAlone(): void {
    this.leave();
    this.#resolve(this.openOwn());
  }

  #answer(status: number, body: unknown, retryAfter = 0): void {
    if (status === 200 && this.#control) return this.#fail('It was opened twice');
    // The other tab was refused. This one has headers of its own.
    if (!this.#control && (status === 401 || status === 403)) return this.#goAlone();
    if (status === 200) {
      const stream = new ReadableStream<Uint8Array>(
        {
          start: (control) => {
            this.#control = control;
          },
          cancel: () => this.leave(),
        },
        { highWaterMark: MOST_HELD },
      );
      this.#resolve(new Response(stream, { headers: { 'content-type': 'text/event-stream' } }));
      return;
    }
    this.leave();
    if (this.#control) this.#control.close();
    else {
      const headers = { 'retry-after': String(retryAfter / 1_000) };
      this.#resolve(new Response(body ? JSON.stringify(body) : null, { status, headers }));
    }
  }

  #give(frame: string): void {
    if (!this.#control) return;
    if (Number(this.#control.desiredSize) > 0)
      this.#control.enqueue(new TextEncoder().encode(`${frame}\n\n`));
    else this.#fail(`${MOST_HELD} events were not read`);
  }

  /** The client asks anew, for what follows the newest event that it has. */
  #fail(why: string): void {
    this.leave();
    const error = new Error(why);
    if (this.#control) this.#control.error(error);
    else this.#reject(error);
  }
}

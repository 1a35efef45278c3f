import type { Ask, Message } from './messages.js';
import type { HearsTabs, Tabs } from './tabs.js';

/** How long the tab that holds the connection may take to say that it is there, in milliseconds. */
const PATIENCE = 1_000;
/** How many events a stream holds for who does not read. */
const MOST_HELD = 1_000;

/** A stream of this tab that comes from the one that holds the connection, as a server would answer. */
export class SharedStream implements HearsTabs {
  readonly response: Promise<Response>;
  readonly #stream = crypto.randomUUID();
  readonly #patience: NodeJS.Timeout;
  readonly #beat: NodeJS.Timeout;
  #resolve!: (response: Response | Promise<Response>) => void;
  #reject!: (error: Error) => void;
  /** Of the stream, once it is open. */
  #control: ReadableStreamDefaultController<Uint8Array> | undefined;

  /** @param openOwn used where no tab answers */
  constructor(
    private readonly tabs: Tabs,
    private readonly asked: Pick<Ask, 'tasks' | 'from'>,
    openOwn: () => Promise<Response>,
    heartbeatTimeout: number,
  ) {
    this.response = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#patience = setTimeout(() => {
      this.leave();
      this.#resolve(openOwn());
    }, PATIENCE);
    this.#beat = setInterval(() => tabs.say({ again: this.#stream }), heartbeatTimeout / 3);
    tabs.streams.set(this.#stream, this);
    this.#ask();
  }

  hear({ isNew, isCut, status, body, event, task }: Message): void {
    if (isNew && !this.#control) return this.#ask();
    clearTimeout(this.#patience);
    if (isNew || isCut) this.#fail('The tab that held the connection has lost it');
    else if (status) this.#answer(status, body);
    else if (event) {
      const { id, type, data } = event;
      const given = this.asked.tasks.length > 1 ? { task, id, data } : data;
      this.#give(`id: ${id}\nevent: ${type}\ndata: ${JSON.stringify(given)}`);
    } else this.#give(':');
  }

  leave(): void {
    clearTimeout(this.#patience);
    clearInterval(this.#beat);
    if (this.tabs.streams.delete(this.#stream)) this.tabs.say({ leave: this.#stream });
  }

  #ask(): void {
    this.tabs.say({ ask: { ...this.asked, stream: this.#stream, tab: this.tabs.id } });
  }

  #answer(status: number, body: unknown): void {
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
    else this.#resolve(new Response(body ? JSON.stringify(body) : null, { status }));
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

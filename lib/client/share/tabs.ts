import type { Channel, LockOptions, Locks, Message, Page } from './messages.js';

/** What this tab does while it holds the connection for all. */
export interface HoldsConnection {
  hear(message: Message): void;
  close(): void;
}

/** A stream of this tab. */
export interface HearsTabs {
  hear(message: Message): void;
}

/** This tab among those of the origin. One of them holds the connection, by a Web Lock; when it goes the next one gets it. */
export class Tabs {
  /** Anew each time that it joins. */
  id = '';
  readonly streams = new Map<string, HearsTabs>();
  #channel: Channel | undefined;
  /** A channel does not hear itself, and the streams of this tab are told, too. */
  #toOthers: Channel | undefined;
  #joined: Promise<void> | undefined;

  /** @param hold begins to hold the connection. `whenGone` calls back when a tab is closed */
  constructor(
    private readonly page: Page,
    private readonly locks: Locks,
    private readonly name: string,
    private readonly hold: (
      post: (message: Message) => void,
      whenGone: (tab: string, call: () => void) => void,
    ) => HoldsConnection,
  ) {}

  say(message: Message): void {
    this.#channel?.postMessage(message);
  }

  /**
   * Until the page is hidden for good, or put aside: a page that may come back holds nothing meanwhile.
   *
   * @throws where the page may hold no lock
   */
  join(): Promise<void> {
    return (this.#joined ??= new Promise((held, reject) => {
      // The tab that holds the connection may hold the lock of the last one for a moment.
      this.id = crypto.randomUUID();
      const channel = (this.#channel = this.#open((message) => {
        const { isNew, to = [] } = message;
        for (const stream of isNew ? [...this.streams.keys()] : to) this.streams.get(stream)?.hear(message);
      }));
      const waiting = new AbortController();
      const gone = new Promise<void>((resolve) =>
        this.page.addEventListener('pagehide', resolve, { once: true }),
      );
      void gone.then(() => {
        waiting.abort();
        channel.close();
        this.#channel = undefined;
        // It holds nothing until it is shown again.
        this.#joined = new Promise<void>((resolve) =>
          this.page.addEventListener('pageshow', resolve, { once: true }),
        ).then(() => {
          this.#joined = undefined;
          return this.join();
        });
        this.#joined.catch(() => undefined);
        for (const stream of this.streams.values()) stream.hear({ isCut: true });
      });
      const options = { signal: waiting.signal };
      this.locks.request(this.name, options, () => this.#holdUntil(gone, options)).catch(() => undefined);
      const own = this.locks.request(this.#lockOf(this.id), {}, () => {
        held();
        return gone;
      });
      own.catch(reject);
    }));
  }

  async #holdUntil(gone: Promise<void>, options: LockOptions): Promise<void> {
    this.#toOthers = this.#open((message) => holder.hear(message));
    const holder = this.hold(
      (message) => this.#toOthers?.postMessage(message),
      (tab, call) => void this.locks.request(this.#lockOf(tab), options, call).catch(() => undefined),
    );
    await gone;
    holder.close();
    this.#toOthers?.close();
  }

  #lockOf(tab: string): string {
    return `${this.name} ${tab}`;
  }

  #open(hear: (message: Message) => void): Channel {
    const channel = new this.page.BroadcastChannel(this.name);
    channel.addEventListener('message', ({ data }) => hear(data));
    return channel;
  }
}

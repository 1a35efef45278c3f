import { EventSource, type ErrorEvent } from 'eventsource';

const terminalTypes = ['completed', 'failed', 'cancelled', 'timeout'];
const eventTypes = ['started', 'progress', 'retrying', 'cancelling', 'gap', ...terminalTypes];

/** Milliseconds before it asks again after an answer that an EventSource gives up at. */
const patience = 500;

export interface Received {
  readonly id: string;
  readonly type: string;
  /** As it came: JSON. */
  readonly data: string;
  /** Milliseconds since the process began. */
  readonly at: number;
}

/** Watches one task to its end, as a page does: by an EventSource, and by another one when that gives up. */
export class Watcher {
  readonly received: Received[] = [];
  /** Settles with the terminal event. */
  readonly ended: Promise<void>;
  /** How often its stream ended before the task. */
  reconnections = 0;
  readonly #url: string;
  #end: () => void = () => undefined;
  #source: EventSource | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** @param onEvent called with each event, behind its being added to `received` */
  constructor(
    url: string,
    readonly onEvent: (event: Received) => void,
  ) {
    this.#url = url;
    this.ended = new Promise((resolve) => (this.#end = resolve));
    this.#open();
  }

  get isOver(): boolean {
    return terminalTypes.includes(this.received.at(-1)?.type ?? '');
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#source?.close();
  }

  #open(): void {
    const last = this.received.at(-1);
    const after = last === undefined ? '' : `?lastEventId=${encodeURIComponent(last.id)}`;
    const source = new EventSource(this.#url + after);
    this.#source = source;
    for (const type of eventTypes) {
      source.addEventListener(type, (message) => {
        this.#take({ id: message.lastEventId, type, data: message.data as string, at: performance.now() });
      });
    }
    source.addEventListener('error', (error) => this.#onError(source, error));
  }

  #take(event: Received): void {
    this.received.push(event);
    this.onEvent(event);
    if (!this.isOver) return;
    this.close();
    this.#end();
  }

  #onError(source: EventSource, { code }: ErrorEvent): void {
    // An attempt that fails is no stream that ended.
    if (code === undefined) this.reconnections++;
    if (source.readyState === source.CLOSED) this.#timer = setTimeout(() => this.#open(), patience);
  }
}

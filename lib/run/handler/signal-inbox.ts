import { TooManySignalsError } from '../../task/errors.js';

/** How many signals of one name, and how many names, wait for a handler that does not ask for them. */
export const MAX_WAITING_SIGNALS = 100;

export function tooManyOfName(name: string): TooManySignalsError {
  return new TooManySignalsError(
    `${MAX_WAITING_SIGNALS} signals "${name}" wait already; the task does not take them`,
  );
}

export function tooManyNames(name: string): TooManySignalsError {
  return new TooManySignalsError(
    `Signals of ${MAX_WAITING_SIGNALS} names wait already; the task does not take them (signal "${name}")`,
  );
}

/** @param filled which signals fill what */
export function noRoomFor(name: string, json: string, filled: string): TooManySignalsError {
  const bytes = Buffer.byteLength(json);
  return new TooManySignalsError(
    `There is no room for the ${bytes} bytes of signal "${name}": signals that ${filled}`,
  );
}

type Receiver = (data: unknown) => void;

/** The memory that unread signals share with the logs: `replay.totalBytes`. */
export interface SignalBudget {
  /** @returns `false` when there is no room: nothing is taken then */
  take(bytes: number): boolean;
  giveBack(bytes: number): void;
}

interface WaitingSignal {
  readonly json: string;
  readonly onTaken: (() => void) | undefined;
}

/** Signals sent to a task, first in first out by name, until its handler asks for them. Each waits as JSON. */
export class SignalInbox {
  readonly #waiting = new Map<string, WaitingSignal[]>();
  readonly #receivers = new Map<string, Set<Receiver>>();
  #bytes = 0;

  constructor(private readonly budget: SignalBudget) {}

  /** The names of the signals that the handler waits for. */
  get expected(): string[] {
    return [...this.#receivers.keys()];
  }

  /**
   * @param json the data of the signal
   * @param onTaken called when a receiver has it
   * @throws TooManySignalsError when too many wait already
   */
  send(name: string, json: string, onTaken?: () => void): void {
    const receivers = this.#receivers.get(name);
    const [receiver] = receivers ?? [];
    if (receivers && receiver) {
      this.#remove(name, receivers, receiver);
      receiver(JSON.parse(json));
      onTaken?.();
      return;
    }
    const queue = this.#waiting.get(name);
    if (queue && queue.length >= MAX_WAITING_SIGNALS) throw tooManyOfName(name);
    if (!queue && this.#waiting.size >= MAX_WAITING_SIGNALS) throw tooManyNames(name);
    const bytes = Buffer.byteLength(json);
    if (!this.budget.take(bytes)) throw noRoomFor(name, json, 'tasks have not taken fill replay.totalBytes');
    this.#bytes += bytes;
    const signal = { json, onTaken };
    if (queue) queue.push(signal);
    else this.#waiting.set(name, [signal]);
  }

  /** Takes the oldest signal that waits. */
  take(name: string): { readonly data: unknown } | undefined {
    const queue = this.#waiting.get(name);
    const signal = queue?.shift();
    if (!queue || !signal) return undefined;
    if (queue.length === 0) this.#waiting.delete(name);
    const { json, onTaken } = signal;
    const bytes = Buffer.byteLength(json);
    this.#bytes -= bytes;
    this.budget.giveBack(bytes);
    onTaken?.();
    return { data: JSON.parse(json) };
  }

  /** Waits for the next signal. Dispose of it to no longer wait; a signal is then kept for the next receiver. */
  receive(name: string, receiver: Receiver): Disposable {
    const receivers = this.#receivers.get(name) ?? new Set();
    this.#receivers.set(name, receivers.add(receiver));
    return { [Symbol.dispose]: () => this.#remove(name, receivers, receiver) };
  }

  /** The task is over: what waits is let go. */
  clear(): void {
    this.#waiting.clear();
    this.#receivers.clear();
    this.budget.giveBack(this.#bytes);
    this.#bytes = 0;
  }

  #remove(name: string, receivers: Set<Receiver>, receiver: Receiver): void {
    receivers.delete(receiver);
    if (receivers.size === 0 && this.#receivers.get(name) === receivers) this.#receivers.delete(name);
  }
}

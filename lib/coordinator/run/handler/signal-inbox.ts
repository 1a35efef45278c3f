import { TooManySignalsError } from '../../../task/errors/too-many-signals.error.js';

/** How many signals of one name, and how many names, wait for a handler that does not ask for them. */
const most = 100;

type Receiver = (data: unknown) => void;

/** Signals sent to a task, first in first out by name, until its handler asks for them. */
export class SignalInbox {
  readonly #waiting = new Map<string, unknown[]>();
  readonly #receivers = new Map<string, Set<Receiver>>();

  /** The names of the signals that the handler waits for. */
  get expected(): string[] {
    return [...this.#receivers.keys()];
  }

  /**
   * @throws TooManySignalsError when too many wait already
   */
  send(name: string, data: unknown): void {
    const receivers = this.#receivers.get(name);
    const [receiver] = receivers ?? [];
    if (receivers && receiver) {
      this.#remove(name, receivers, receiver);
      receiver(data);
      return;
    }
    const queue = this.#waiting.get(name);
    if (queue ? queue.length >= most : this.#waiting.size >= most) {
      throw new TooManySignalsError(
        `${most} signals wait already; the task does not take them (signal "${name}")`,
      );
    }
    if (queue) queue.push(data);
    else this.#waiting.set(name, [data]);
  }

  /** Takes the oldest signal that waits. */
  take(name: string): { readonly data: unknown } | undefined {
    const queue = this.#waiting.get(name);
    if (!queue) return undefined;
    const data = queue.shift();
    if (queue.length === 0) this.#waiting.delete(name);
    return { data };
  }

  /** Waits for the next signal. Dispose of it to no longer wait; a signal is then kept for the next receiver. */
  receive(name: string, receiver: Receiver): Disposable {
    const receivers = this.#receivers.get(name) ?? new Set();
    this.#receivers.set(name, receivers.add(receiver));
    return { [Symbol.dispose]: () => this.#remove(name, receivers, receiver) };
  }

  #remove(name: string, receivers: Set<Receiver>, receiver: Receiver): void {
    receivers.delete(receiver);
    if (receivers.size === 0 && this.#receivers.get(name) === receivers) this.#receivers.delete(name);
  }
}

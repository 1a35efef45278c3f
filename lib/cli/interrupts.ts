import { messageOf } from './errors.js';
import type { View } from './output/view.js';

const QUESTION = 'g: go on watching   s: stop watching   c: cancel the task';

/** What somebody may want who presses Ctrl-C. */
export interface Choices {
  stop(): void;
  cancel(): Promise<unknown>;
}

/**
 * Ctrl-C while a task is watched. In front of a terminal it is asked what is meant, as the task goes on by itself; a second one
 * stops watching. Elsewhere the first one does.
 */
export class Interrupts {
  readonly #view: View;
  readonly #choices: Choices;
  readonly #keyboard: NodeJS.ReadStream | undefined;
  #isAsking = false;

  constructor(view: View, choices: Choices) {
    this.#view = view;
    this.#choices = choices;
    const { stdin } = process;
    // It asks only at a terminal: elsewhere the input may come from a pipe, and may have ended.
    this.#keyboard = view.isForPeople && stdin.isTTY && !stdin.readableEnded ? stdin : undefined;
    process.on('SIGINT', this.#onInterrupt);
  }

  close(): void {
    process.off('SIGINT', this.#onInterrupt);
    this.#endQuestion();
  }

  readonly #onInterrupt = (): void => {
    if (this.#isAsking || !this.#keyboard) this.#stop();
    else this.#ask(this.#keyboard);
  };

  #ask(keyboard: NodeJS.ReadStream): void {
    this.#isAsking = true;
    // Each key comes at once, and Ctrl-C as a key, too.
    keyboard.setRawMode(true);
    keyboard.on('data', this.#onKey);
    keyboard.resume();
    this.#view.ask(QUESTION);
  }

  /** Several may come at once. */
  readonly #onKey = (keys: Buffer): void => {
    for (const key of keys.toString().toLowerCase()) this.#press(key);
  };

  #press(key: string): void {
    if (key === '\u0003') this.#onInterrupt();
    else if (!this.#isAsking) return;
    else if (key === 'g') this.#endQuestion();
    else if (key === 's') this.#stop();
    else if (key === 'c') {
      this.#endQuestion();
      this.#choices.cancel().catch((error: unknown) => this.#view.problem(messageOf(error)));
    }
  }

  #stop(): void {
    this.#endQuestion();
    this.#choices.stop();
  }

  #endQuestion(): void {
    if (!this.#isAsking) return;
    this.#isAsking = false;
    this.#keyboard?.off('data', this.#onKey);
    this.#keyboard?.setRawMode(false);
    this.#keyboard?.pause();
    this.#view.ask(undefined);
  }
}

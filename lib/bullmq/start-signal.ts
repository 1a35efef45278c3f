import { setTimeout } from 'node:timers/promises';
import type { Logger } from '@nestjs/common';
import { followSignal } from '../run/cancel/external-signals.js';
import { RunReporter } from '../run/run-reporter.js';
import type { RemoteView, ViewHost } from './views/remote-view.js';

/** The time before what Redis has not answered is said again, in milliseconds. */
const RETRY_DELAY = 250;

/** The signal that was given to `start()`. Its abort cancels the task, however far its start has come. */
export class StartSignal {
  readonly #signal: AbortSignal | undefined;
  readonly #report: RunReporter;
  readonly #host: Pick<ViewHost, 'isClosed'>;
  readonly #unfollow: (() => void) | undefined;
  /** Set when the task is registered, and to be cancelled by the signal. */
  #view: RemoteView | undefined;

  /** Throws what a signal throws that is not Node's own. */
  constructor(
    signal: AbortSignal | undefined,
    key: string,
    logger: Logger,
    host: Pick<ViewHost, 'isClosed'>,
  ) {
    this.#signal = signal;
    this.#report = new RunReporter(key, logger);
    this.#host = host;
    if (!signal || signal.aborted) return;
    this.#unfollow = followSignal(signal, () => {
      if (this.#view) void this.cancel(this.#view);
    });
  }

  get isAborted(): boolean {
    return this.#signal?.aborted ?? false;
  }

  /** It cancels this task, until that has ended. */
  follow(view: RemoteView): void {
    if (!this.#unfollow) return;
    this.#view = view;
    void view.outcome.then(() => this.letGo());
  }

  /** It aborts once: while Redis is away the cancel is asked for again. Never rejects. */
  async cancel(view: RemoteView): Promise<void> {
    while (!this.#host.isClosed && !view.log.ended) {
      try {
        await view.requestCancel({});
        return;
      } catch {
        await setTimeout(RETRY_DELAY, undefined, { ref: false });
      }
    }
  }

  letGo(): void {
    if (this.#unfollow) this.#report.guard('The signal given to start()', this.#unfollow);
  }
}

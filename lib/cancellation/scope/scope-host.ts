import type { CancelledError } from '../errors.js';
import type { CancellationRule } from '../is-cancellation.js';

/** What a tree of scopes hangs on: the task around it, or nothing. */
export interface ScopeHost {
  /** What else counts as a cancellation. */
  readonly cancellationRule?: CancellationRule | undefined;
  /**
   * How long the body of a time limit may take to end when its time is over, before a warning says that it does not. In
   * milliseconds.
   */
  readonly grace: number;
  /** When the time of the whole task ends, on the monotonic clock. */
  readonly dueAt: number;
  /** Whether the task is over, and its handler with it: nothing that was left of it waits any longer. */
  readonly isOver: boolean;
  /** Which step of a generator runs: a checkpoint belongs to the step in which it was reached. */
  readonly step: number;
  /** The time of the whole task has ended, as a scope inside that is due too was the first to see. */
  expire(): void;
  /** A checkpoint that was reached in this step throws the cancellation. */
  onCheckpoint(step: number, error: CancelledError): void;
  /** Warns of something that a person should see. */
  warn(message: string): void;
  /** Takes what a callback given to `onCancel()` threw. */
  onCallbackError(error: unknown): void;
}

/** Outside of any task. */
export const noHost: ScopeHost = {
  grace: Infinity,
  dueAt: Infinity,
  isOver: false,
  step: 0,
  expire() {},
  onCheckpoint() {},
  warn(message) {
    process.emitWarning(message, 'StreamingWarning');
  },
  onCallbackError(error) {
    // There is no caller that could catch it.
    process.nextTick(() => {
      throw new Error('A callback given to onCancel() failed', { cause: error });
    });
  },
};

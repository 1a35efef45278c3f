import type { CancelReason } from '../../cancellation/cancel-reason.js';
import type { CancelledError } from '../../cancellation/errors.js';
import type { CancellationRule } from '../../cancellation/is-cancellation.js';
import type { ScopeHost } from '../../cancellation/scope/scope-host.js';
import type { TaskRun } from '../task-run.js';

/**
 * What the scopes of a try hang on. It also counts the steps of a handler that is a generator: a checkpoint that the
 * handler waits at was reached in the step that runs, one that waits beside it in an earlier step.
 */
export class HandlerSteps implements ScopeHost {
  step = 0;
  #isInside = false;
  isOver = false;
  /** Why a checkpoint of the handler has thrown a cancellation: what was asked for at the top of the tree. */
  told: CancelReason | undefined;

  constructor(private readonly run: TaskRun) {}

  get grace(): number {
    return this.run.options.grace;
  }

  get cancellationRule(): CancellationRule | undefined {
    return this.run.cancellationRule;
  }

  get dueAt(): number {
    return this.run.time.dueAt;
  }

  expire(): void {
    this.run.time.expire();
  }

  /** The handler goes on from its `yield`. */
  enter(): void {
    this.step++;
    this.#isInside = true;
  }

  /** It stands at a `yield`: what waits now waits beside it. */
  leave(): void {
    this.#isInside = false;
  }

  onCheckpoint(step: number, { reason }: CancelledError): void {
    if (!this.#isInside || step !== this.step) return;
    this.told = reason.kind === 'parent' ? (reason.root ?? reason) : reason;
  }

  warn(message: string): void {
    this.run.report.warn(message);
  }

  onCallbackError(error: unknown): void {
    this.run.report.error('An onCancel() callback', error);
  }
}

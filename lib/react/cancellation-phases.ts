import type { Cancellation, CancellationPhase } from './task-view.js';

const PHASES: readonly CancellationPhase[] = ['requested', 'accepted', 'cleaning-up', 'ended'];

interface Why {
  readonly reason?: string | undefined;
  readonly detail?: string | undefined;
}

/** The cancellation of one task: what this view asked for, and what the server has told. */
export class CancellationPhases {
  /** A new object for each change. */
  current: Cancellation | undefined;
  /** Requests that the server has not answered. */
  #asked = 0;
  #from = 0;
  #end: number | undefined;

  request(): void {
    this.#asked += 1;
    this.reach('requested');
  }

  /** @param isAccepted what the server has answered. A request that it refused, and of which nothing else is known, is none */
  answer(isAccepted: boolean): void {
    this.#asked -= 1;
    if (isAccepted) this.reach('accepted');
    else if (this.#asked === 0 && this.current?.phase === 'requested') this.current = undefined;
  }

  /** Never goes back: a phase that was is only asked why. */
  reach(phase: CancellationPhase, { reason, detail }: Why = {}): void {
    const { current } = this;
    const isLater = !current || PHASES.indexOf(phase) > PHASES.indexOf(current.phase);
    if (!isLater && (current.reason !== undefined || reason === undefined)) return;
    if (!current) this.#from = performance.now();
    if (isLater && phase === 'ended') this.#end = performance.now();
    const why = { reason: current?.reason ?? reason, detail: current?.detail ?? detail };
    const from = this.#from;
    const end = this.#end;
    this.current = {
      phase: isLater ? phase : current.phase,
      ...(why.reason !== undefined && { reason: why.reason }),
      ...(why.detail !== undefined && { detail: why.detail }),
      get sinceMs() {
        return Math.round((end ?? performance.now()) - from);
      },
    };
  }
}

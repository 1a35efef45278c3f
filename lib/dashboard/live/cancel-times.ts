import { Injectable } from '@nestjs/common';
import type { TaskView } from '../../engine/task-view.js';
import type { TaskStatus } from '../../task/task-status.js';

/** When a cancellation went on, in epoch milliseconds. */
export interface CancelTime {
  /** Asked for on this dashboard, in this process. */
  requestedAt?: number;
  acceptedAt?: number;
  /** First seen cleaning up: not more than a second later than it began. */
  seenAt?: number;
}

/** As many cancellations are remembered. */
const MOST = 10_000;

/** When cancellations were asked for and seen by the dashboards of this process. A snapshot does not say. */
@Injectable()
export class CancelTimes {
  readonly #byEpoch = new Map<string, CancelTime>();

  /** Of a run whose status is looked at. */
  of(view: TaskView, status: TaskStatus): CancelTime | undefined {
    if (status !== 'cancelling') return this.#byEpoch.get(view.log.epoch);
    const time = this.#timeOf(view);
    time.seenAt ??= Date.now();
    return time;
  }

  /** A request was accepted now. One that was not tells nothing of the cancellation. */
  accepted(view: TaskView, requestedAt: number): void {
    const time = this.#timeOf(view);
    time.requestedAt ??= requestedAt;
    time.acceptedAt ??= Date.now();
  }

  #timeOf({ log: { epoch } }: TaskView): CancelTime {
    const known = this.#byEpoch.get(epoch);
    if (known) return known;
    const time: CancelTime = {};
    this.#byEpoch.set(epoch, time);
    const [oldest] = this.#byEpoch.keys();
    if (this.#byEpoch.size > MOST && oldest !== undefined) this.#byEpoch.delete(oldest);
    return time;
  }
}

import { Inject, Injectable } from '@nestjs/common';
import { clock } from '../cancellation/time/clock.js';
import { within } from '../cancellation/time/within.js';
import {
  type ResolvedOptions,
  resolveShutdownOptions,
  type ShutdownOptions,
  STREAMING_OPTIONS,
} from '../streaming.options.js';
import type { TerminalStatus } from '../task/task-status.js';
import type { ShutdownReport } from './coordinator.options.js';
import { TaskStore } from './task-store.js';

/** Something whose watchers must have seen the end before the shutdown is done. */
export interface ShutdownParticipant {
  /**
   * @param ms what is left of the shutdown's time
   */
  drain(ms: number): Promise<void>;
}

/** Ends every task within a deadline, then waits until their watchers know. It happens once. */
@Injectable()
export class CoordinatorShutdown {
  readonly #participants = new Set<ShutdownParticipant>();
  #report: Promise<ShutdownReport> | undefined;

  constructor(
    @Inject(STREAMING_OPTIONS) private readonly options: ResolvedOptions,
    private readonly store: TaskStore,
  ) {}

  /** Whether it has begun, so that nothing new may. */
  get isShuttingDown(): boolean {
    return this.#report !== undefined;
  }

  register(participant: ShutdownParticipant): void {
    this.#participants.add(participant);
  }

  run(options: ShutdownOptions = {}): Promise<ShutdownReport> {
    if (!this.#report) {
      const resolved = resolveShutdownOptions(options, this.options.shutdown);
      // Set before the first task is cancelled: nothing may start from then on.
      this.#report = Promise.resolve().then(() => this.#shutDown(resolved));
    }
    return this.#report;
  }

  async #shutDown({ drain, timeout }: Required<ShutdownOptions>): Promise<ShutdownReport> {
    const began = clock().now();
    const runs = [...this.store.live];
    const all = Promise.all(runs.map((run) => run.settled));
    for (const run of runs) if (run.status === 'pending') run.cancel('shutdown');
    if (drain > 0) await within(drain, all);

    const deadline = clock().now() + timeout;
    for (const run of runs) {
      run.cancel('shutdown', {}, Math.min(run.options.grace, timeout));
      run.limitRemainingTime(timeout);
    }
    const outcomes = await all;
    const left = Math.max(0, deadline - clock().now());
    await Promise.all([...this.#participants].map((participant) => participant.drain(left)));

    const count = (status: TerminalStatus): number =>
      outcomes.filter((outcome) => outcome.status === status).length;
    return {
      completed: count('completed'),
      cancelled: count('cancelled'),
      failed: count('failed'),
      timedOut: count('timeout'),
      abandoned: runs.filter((_run, index) => outcomes[index]?.abandoned).map((run) => run.key),
      durationMs: clock().now() - began,
    };
  }
}

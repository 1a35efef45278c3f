import { Inject, Injectable } from '@nestjs/common';
import { clock } from '../cancellation/time/clock.js';
import { resolveShutdownOptions } from '../resolve-options.js';
import { type ResolvedOptions, type ShutdownOptions, STREAMING_OPTIONS } from '../streaming.options.js';
import type { Filled } from '../task/options/task-options.js';
import type { ShutdownReport } from './coordinator.options.js';
import { ListenerDelivery } from '../engine/listeners/listener-delivery.js';
import { TaskEngine } from '../engine/task-engine.js';

/** Something whose watchers must have seen the end before the shutdown is done. */
export interface ShutdownParticipant {
  /** Has at most `ms`: what is left of the shutdown's time. */
  drain(ms: number): Promise<void>;
}

/** Ends every task within a deadline, then waits until their watchers know. It happens once. */
@Injectable()
export class CoordinatorShutdown {
  readonly #participants: ShutdownParticipant[];
  #report: Promise<ShutdownReport> | undefined;

  constructor(
    @Inject(STREAMING_OPTIONS) private readonly options: ResolvedOptions,
    private readonly engine: TaskEngine,
    listeners: ListenerDelivery,
  ) {
    this.#participants = [listeners];
  }

  get isShuttingDown(): boolean {
    return this.#report !== undefined;
  }

  register(participant: ShutdownParticipant): void {
    this.#participants.push(participant);
  }

  run(options: ShutdownOptions = {}): Promise<ShutdownReport> {
    if (!this.#report) {
      const resolved = resolveShutdownOptions(options, this.options.shutdown);
      // Set before the first task is cancelled: nothing may start from then on.
      this.#report = Promise.resolve().then(() => this.#shutDown(resolved));
    }
    return this.#report;
  }

  async #shutDown(options: Filled<ShutdownOptions>): Promise<ShutdownReport> {
    const began = clock().now();
    const { left, ...report } = await this.engine.shutdown(options);
    await Promise.all(this.#participants.map((participant) => participant.drain(left)));
    return { ...report, durationMs: clock().now() - began };
  }
}

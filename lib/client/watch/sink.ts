import type { RemoteRun } from '../remote-run.js';
import type { Connection } from '../task-types.js';
import type { Source } from './source.js';

/** An event as a stream gives it. */
export interface GivenEvent {
  readonly id: string;
  readonly type: string;
  readonly data: unknown;
}

/** What takes the events of one run from a connection. */
export abstract class Sink {
  source: Source | undefined;
  connection: Connection = 'connecting';
  /** It has left a connection that others need, and gets one of its own. */
  isAlone = false;

  constructor(
    readonly run: RemoteRun,
    /** The id of the newest event it has taken. */
    public position: string | undefined,
    readonly from: 'latest' | 'state' | undefined,
  ) {}

  /** Whether it waits for an event. A connection that nobody waits for is not read. */
  abstract get isHungry(): boolean;
  /** Whether it holds as much as it may. */
  abstract get isFull(): boolean;
  /** Whether it takes any position, and wants nothing but the end. */
  abstract get isForEnd(): boolean;
  protected abstract take(event: GivenEvent): void;
  /** No event comes any more: the task has ended, and its end was given, or known before. */
  protected abstract end(): void;
  protected abstract fail(error: unknown): void;

  push(event: GivenEvent): void {
    const { position } = this;
    this.position = event.id;
    this.run.hear(event, position, this.from);
    this.take(event);
  }

  finish(): void {
    this.#part('ended');
    this.end();
  }

  refuse(error: unknown, connection: 'refused' | 'idle'): void {
    this.#part(connection);
    this.fail(error);
  }

  /** Stops watching. */
  leave(): void {
    const { source } = this;
    this.#part('idle');
    source?.remove(this);
  }

  #part(connection: 'idle' | 'ended' | 'refused'): void {
    this.source = undefined;
    this.run.part(this, connection);
  }
}

import { isTerminal, outcomeOfEvent, whyOf } from '../client/outcome.js';
import type { WireSnapshot } from '../client/task-types.js';
import type { EventsOptions, RunEvent, RunOutcome, TaskRun, TaskShape } from '../client/index.js';
import { CancellationPhases } from './cancellation-phases.js';
import { Publisher } from './publisher.js';
import type { TaskView, UseTaskOptions } from './task-view.js';

/** How many events a view keeps, where nothing else is asked for. */
const KEPT_EVENTS = 100;

/** What stands in the data of the events that are read here. */
interface EventData {
  readonly reason?: string;
  readonly detail?: string;
  readonly state?: unknown;
  readonly snapshot?: Pick<WireSnapshot, 'state' | 'lastEventId' | 'cancellation'> | null;
}

/**
 * A task, as a store for `useSyncExternalStore`: it is watched while somebody subscribes, and goes on behind the last event when
 * somebody does so again.
 */
export class WatchedTask<S extends TaskShape, State> {
  /** What is shown before anything is asked, and by the server that renders the page. */
  readonly idle: TaskView<S, State>;
  readonly #listeners = new Set<() => void>();
  readonly #cancellation = new CancellationPhases();
  readonly #publisher = new Publisher(
    () => this.#publish(),
    () => this.options.throttle ?? 0,
  );
  #view: TaskView<S, State>;
  #reader: AsyncIterableIterator<RunEvent<S>> | undefined;
  #stopListening: (() => void) | undefined;
  /** The id of the last event that was taken. */
  #position: string | undefined;
  #events: readonly RunEvent<S>[] = [];
  #newEvents: RunEvent<S>[] = [];
  #state: State | undefined;
  /** The last event that is in the state already. */
  #folded: string | undefined;
  #reduceFailure: { readonly error: Error } | undefined;
  #outcome: RunOutcome<S['result']> | undefined;
  /** Why watching has ended. */
  #error: Error | undefined;
  /** Of the newest `cancel()`, unless watching has ended with an error since. */
  #cancelError: Error | undefined;
  #isOver = false;

  /**
   * @param run `undefined`: nothing is watched
   * @param options the newest that were given: they may be others at any time
   */
  constructor(
    private readonly run: TaskRun<S> | undefined,
    public options: UseTaskOptions<S, State>,
  ) {
    this.#state = options.initial;
    this.idle = {
      id: run?.id,
      run,
      status: undefined,
      progress: undefined,
      state: options.initial,
      events: [],
      outcome: undefined,
      error: undefined,
      connection: 'idle',
      cancellation: undefined,
      cancel: this.cancel,
    };
    this.#view = this.idle;
  }

  readonly getView = (): TaskView<S, State> => this.#view;

  readonly getIdle = (): TaskView<S, State> => this.idle;

  readonly subscribe = (listener: () => void): (() => void) => {
    const own = (): void => listener();
    this.#listeners.add(own);
    if (this.#listeners.size === 1) this.#open();
    return () => {
      this.#listeners.delete(own);
      if (this.#listeners.size === 0) this.#close();
    };
  };

  /** Takes what a list has told of it. */
  hear({ cancellation }: WireSnapshot, outcome: RunOutcome<S['result']> | undefined): void {
    if (cancellation) this.#cancellation.reach('cleaning-up', whyOf(cancellation));
    if (outcome) this.#end(outcome, undefined);
    else this.#view = this.#build();
  }

  readonly cancel = (detail?: string): Promise<boolean> => {
    const answer = this.#cancel(detail);
    // It is in the view, so whoever calls this need not look.
    answer.catch(() => undefined);
    return answer;
  };

  #open(): void {
    const { run } = this;
    if (!run || this.#isOver) return;
    this.#error = undefined;
    this.#cancelError = undefined;
    this.#stopListening = run.subscribe(() => this.#publisher.soon());
    const { from } = this.options;
    const start: EventsOptions =
      this.#position === undefined ? { ...(from && { from }) } : { after: this.#position };
    const reader = run.events(start);
    this.#reader = reader;
    void this.#read(run, reader);
  }

  #close(): void {
    this.#stopListening?.();
    this.#publisher.stop();
    void this.#reader?.return?.();
    this.#reader = undefined;
    this.#view = this.#build();
  }

  /** Never rejects. */
  async #read(run: TaskRun<S>, reader: AsyncIterableIterator<RunEvent<S>>): Promise<void> {
    try {
      for await (const event of reader) {
        if (reader !== this.#reader) return;
        this.#take(event);
      }
      if (reader !== this.#reader || this.#outcome) return;
      // The client has had the terminal event before.
      const outcome = await run.outcome();
      if (reader === this.#reader) this.#end(outcome, undefined);
    } catch (error) {
      if (reader !== this.#reader) return;
      const isGone = (error as { code?: unknown } | null)?.code === 'TASK_NOT_FOUND';
      this.#end(isGone ? { status: 'gone' } : undefined, error as Error);
    }
  }

  #take(event: RunEvent<S>): void {
    const { id, type, data } = event as RunEvent;
    this.#position = id;
    this.#keep(event);
    this.#fold(event);
    if (type === 'cancelling') this.#cancellation.reach('cleaning-up', data ?? {});
    const { cancellation } = (data as EventData | null)?.snapshot ?? {};
    if (cancellation) this.#cancellation.reach('cleaning-up', whyOf(cancellation));
    if (isTerminal(type)) this.#end(outcomeOfEvent(type, data), undefined);
    else this.#publisher.soon();
  }

  #keep(event: RunEvent<S>): void {
    const { keepEvents = KEPT_EVENTS } = this.options;
    this.#newEvents.push(event);
    if (this.#newEvents.length > 2 * keepEvents) this.#newEvents = newest(this.#newEvents, keepEvents);
  }

  /** The state is that of the events up to this one. */
  #fold(event: RunEvent<S>): void {
    const { reduce } = this.options;
    if (!reduce || this.#reduceFailure) return;
    const { id, type, data } = event as RunEvent;
    const { state, snapshot } = (data ?? {}) as EventData;
    if (type === 'state') {
      this.#state = state as State;
    } else if (type === 'gap' && snapshot?.state !== undefined) {
      this.#state = snapshot.state as State;
      this.#folded = snapshot.lastEventId === id ? undefined : (snapshot.lastEventId ?? undefined);
    } else if (this.#folded !== undefined) {
      if (this.#folded === id) this.#folded = undefined;
    } else {
      try {
        this.#state = reduce(this.#state as State, event);
      } catch (error) {
        this.#reduceFailure = { error: error as Error };
      }
    }
  }

  #end(outcome: RunOutcome<S['result']> | undefined, error: Error | undefined): void {
    this.#isOver = outcome !== undefined;
    this.#outcome = outcome;
    if (error) {
      this.#error = error;
      this.#cancelError = undefined;
    }
    if (outcome?.status === 'cancelled') this.#cancellation.reach('ended', outcome);
    else if (outcome && this.#cancellation.current) this.#cancellation.reach('ended');
    this.#publisher.now();
  }

  async #cancel(detail: string | undefined): Promise<boolean> {
    const { run } = this;
    if (!run || this.#outcome) return false;
    this.#cancellation.request();
    this.#cancelError = undefined;
    this.#publisher.soon();
    let isAccepted = false;
    try {
      isAccepted = await run.cancel(detail);
    } catch (error) {
      this.#cancelError = error as Error;
      throw error;
    } finally {
      this.#cancellation.answer(isAccepted);
      this.#publisher.now();
      // The event that says so is sent only where `announceCancelling` asks for it.
      if (isAccepted && run.status === 'cancelling') this.#cancellation.reach('cleaning-up');
      this.#publisher.soon();
    }
    return isAccepted;
  }

  #publish(): void {
    this.#view = this.#build();
    for (const listener of this.#listeners) listener();
  }

  #build(): TaskView<S, State> {
    const { keepEvents = KEPT_EVENTS, reduce } = this.options;
    if (this.#newEvents.length > 0)
      this.#events = newest([...this.#events, ...this.#newEvents.splice(0)], keepEvents);
    const known = this.run?.getSnapshot();
    return {
      ...this.idle,
      status: known?.status,
      progress: known?.progress,
      state: reduce ? this.#state : ((known?.state as State | undefined) ?? this.#state),
      connection: known?.connection ?? 'idle',
      events: this.#events,
      outcome: this.#outcome,
      error: this.#cancelError ?? this.#error ?? this.#reduceFailure?.error,
      cancellation: this.#cancellation.current,
    };
  }
}

function newest<T>(list: T[], count: number): T[] {
  return count > 0 ? list.slice(-count) : [];
}

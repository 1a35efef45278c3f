import { setImmediate } from 'node:timers';
import { inRootContext } from '../../cancellation/async-context.js';
import { RedisClock } from './redis-clock.js';
import {
  duePending,
  forgetPending,
  mayRevive,
  noteTasks,
  renewLocks,
  setDeadline,
  tellTime,
  wakeWorker,
} from './scripts/queue-scripts.js';
import type { Script } from './scripts/script.js';
import type { StoreConnection } from './connection/store-connection.js';

/** How many tasks may start, and how long they may wait. */
export interface Room {
  /** How many may wait for a place. */
  readonly maxPending: number;
  /** How many one instance runs at once. */
  readonly concurrency: number;
  /** How long the task may wait, in milliseconds, its delay included; `undefined` for as long as it takes. */
  readonly deadline: number | undefined;
}

/** Tasks that are noted in one call. */
interface Notes {
  readonly tasks: (string | number)[];
  readonly answers: Promise<readonly number[]>;
}

/** A job that an instance works on. */
export interface LockedJob {
  readonly id: string;
  readonly token: string;
}

/** How many tasks are looked at in one sweep. */
const SWEEP_LENGTH = 100;

/** How many active jobs are looked at where there seems to be no room. */
const MAX_LOOKED_AT = 1_000;

/** How many tasks are forgotten in one call. */
const FORGOTTEN_AT_ONCE = 1_000;

/** A task that waits is looked at again after so many milliseconds. */
const LOOK_AGAIN = 5_000;

/**
 * What is kept beside a queue of BullMQ: which tasks wait for their first try, and when the time of those that wait is over. A task that was registered when its
 * instance was lost is found there.
 */
export class QueueStore {
  /** That of the node where the queue is. */
  readonly clock = new RedisClock();
  readonly #connection: StoreConnection;
  readonly #keys: readonly string[];
  readonly #jobPrefix: string;
  readonly #activeKey: string;
  /** Noted here, and not in the queue yet. */
  #starting = 0;
  /** What is written at the end of this turn. */
  #notes: Notes | undefined;
  readonly #forgotten: string[] = [];
  /** The newest look for jobs that are over, and one that has not begun. */
  #lastLook: Promise<unknown> = Promise.resolve();
  #nextLook: Promise<string[]> | undefined;

  /**
   * @param toKey gives the key of a part of the queue
   */
  constructor(connection: StoreConnection, toKey: (part: string) => string) {
    this.#connection = connection;
    const parts = [
      'wait',
      'prioritized',
      'delayed',
      'active',
      'paused',
      'stalled',
      'marker',
      '#pending',
      '#deadlines',
      '#looks',
    ];
    this.#keys = parts.map(toKey);
    this.#activeKey = toKey('active');
    this.#jobPrefix = toKey('');
  }

  /**
   * Notes a task that is about to start. Those of one turn are noted in one call.
   *
   * @param hasEnded whether the task of a job has ended: the job is active for a moment longer, and takes no place
   * @returns what is to be called when it is in the queue, or will not be; `undefined` where there is no room
   * @throws StoreUnavailableError
   */
  async note(
    key: string,
    room: Room,
    hasEnded: (job: string) => Promise<boolean>,
  ): Promise<(() => void) | undefined> {
    const notes = (this.#notes ??= this.#newNotes(room));
    const place = notes.tasks.push(key, room.deadline ?? '') / 2 - 1;
    if (await this.#hasPlace(() => notes.answers, place)) return this.#onAdded;
    // Others may be gone by now.
    const over = await this.#lookForOver(hasEnded);
    const noteAgain = (): Promise<readonly number[]> => this.#noteAll(room, [key, room.deadline ?? ''], over);
    return (await this.#hasPlace(noteAgain, 0)) ? this.#onAdded : undefined;
  }

  readonly #onAdded = (): void => {
    this.#starting--;
  };

  /** A task with a place counts as starting until it is in the queue. */
  async #hasPlace(note: () => Promise<readonly number[]>, place: number): Promise<boolean> {
    this.#starting++;
    let hasPlace = false;
    try {
      hasPlace = (await note())[place] === 1;
    } finally {
      if (!hasPlace) this.#starting--;
    }
    return hasPlace;
  }

  /** @param room but for the deadline that of all tasks of the queue */
  #newNotes(room: Room): Notes {
    const tasks: (string | number)[] = [];
    const answers = this.#atEndOfTurn(() => {
      this.#notes = undefined;
      return this.#noteAll(room, tasks, []);
    });
    return { tasks, answers };
  }

  async #noteAll(
    { maxPending, concurrency }: Room,
    tasks: readonly (string | number)[],
    over: readonly string[],
  ): Promise<readonly number[]> {
    const count = tasks.length / 2;
    // These themselves are counted, too.
    const before = this.#starting - count;
    const args = [String(maxPending), concurrency, before, count, ...tasks, ...over];
    return (await this.#ask(noteTasks, args)) as number[];
  }

  #atEndOfTurn<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
    return inRootContext(
      () =>
        new Promise((resolve, reject) => {
          setImmediate(() => void ask().then(resolve, reject));
        }),
    );
  }

  /** Active jobs whose tasks have ended. One look at a time, for all who ask before it begins: many starts may be refused at once. */
  #lookForOver(hasEnded: (job: string) => Promise<boolean>): Promise<string[]> {
    this.#nextLook ??= inRootContext(() => {
      const look = this.#lastLook.then(() => {
        this.#nextLook = undefined;
        return this.#connection.inTime(() => this.#findOver(hasEnded));
      });
      this.#lastLook = look.catch(() => {});
      return look;
    });
    return this.#nextLook;
  }

  async #findOver(hasEnded: (job: string) => Promise<boolean>): Promise<string[]> {
    const active = await this.#connection.client.lrange(this.#activeKey, 0, MAX_LOOKED_AT - 1);
    const ended = await Promise.all(active.map(hasEnded));
    return active.filter((_job, at) => ended[at]);
  }

  /** They no longer wait for their first try. If that is not heard, a sweep finds out. */
  forget(keys: readonly string[]): void {
    this.#forgotten.push(...keys);
    if (this.#forgotten.length > keys.length) return;
    this.#atEndOfTurn(async () => {
      const all = this.#forgotten.splice(0);
      for (let at = 0; at < all.length; at += FORGOTTEN_AT_ONCE)
        await this.#ask(forgetPending, all.slice(at, at + FORGOTTEN_AT_ONCE));
    }).catch(() => {});
  }

  /** Notes when the time of a task is over, in milliseconds from now: a sweep ends it then. Without this note its next claim does. */
  setDeadline(key: string, ms: number): void {
    this.#ask(setDeadline, [key, Math.ceil(ms)]).catch(() => {});
  }

  /**
   * Some of the tasks that wait for their first try, and those that have waited too long.
   *
   * @throws StoreUnavailableError
   */
  async due(): Promise<[pending: string[], late: string[]]> {
    return this.clock.measure(async () => {
      const [pending, late, time] = (await this.#ask(duePending, [SWEEP_LENGTH, LOOK_AGAIN])) as DueReply;
      return [[pending, late], time];
    });
  }

  /**
   * Asks for the time of Redis.
   *
   * @throws StoreUnavailableError
   */
  async askTime(): Promise<void> {
    await this.clock.measure(async () => [undefined, (await this.#ask(tellTime, [])) as number]);
  }

  /** Has a worker look for a job now. If it does not hear it, it looks a little later. */
  wakeWorker(): void {
    this.#ask(wakeWorker, []).catch(() => {});
  }

  /**
   * Whether the jobs of lost instances may be given to others now: not just after Redis was away for all.
   *
   * @param most somebody looks once in so many milliseconds
   * @param wait so many milliseconds instances may need to renew their locks when Redis is back
   * @throws StoreUnavailableError
   */
  async mayRevive(most: number, wait: number): Promise<boolean> {
    return (await this.#ask(mayRevive, [Math.ceil(most), Math.ceil(wait)])) === 1;
  }

  /**
   * Renews locks.
   *
   * @param duration in milliseconds
   * @returns those that are lost
   * @throws StoreUnavailableError
   */
  async renew<Job extends LockedJob>(jobs: readonly Job[], duration: number): Promise<Job[]> {
    const args = jobs.flatMap(({ id, token }) => [id, token]);
    const lost = new Set((await this.#ask(renewLocks, [this.#jobPrefix, duration, ...args])) as number[]);
    return jobs.filter((_job, at) => lost.has(at));
  }

  #ask(script: Script, args: readonly (string | number)[]): Promise<unknown> {
    return this.#connection.inTime(() => script.run(this.#connection.client, this.#keys, args));
  }
}

type DueReply = [pending: string[], late: string[], time: number];

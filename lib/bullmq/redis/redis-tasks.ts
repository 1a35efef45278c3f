import { randomBytes } from 'node:crypto';
import type { CancelReason } from '../../cancellation/cancel-reason.js';
import { frameLength } from '../../log/wire/event-frame.js';
import { toJson } from '../../task/json/json.js';
import type { Filled, ReplayLimits } from '../../task/options/task-options.js';
import { isTerminal, type TaskStatus } from '../../task/task-status.js';
import type { TaskLease } from './journal-run.js';
import { cancel, type CancelReply } from './scripts/cancel.js';
import { claim } from './scripts/claim.js';
import { endWaiting, type EndWaitingReply } from './scripts/end-waiting.js';
import { forget } from './scripts/forget.js';
import { dropSignals, signal, type SignalReply } from './scripts/signal.js';
import { start } from './scripts/start.js';
import { watch } from './scripts/watch.js';
import type { StoreConnection } from './connection/store-connection.js';
import { type StoredRequest, storedRequest } from './stored-request.js';
import { newTask, type StoredTask, storedTask } from './stored-task.js';
import { channelOf, keysOf, type TaskKeys } from './task-keys.js';

/** A task that is to be registered. What is JSON is given as JSON. */
export interface NewStoredTask {
  readonly epoch: string;
  /** `undefined` for none. */
  readonly input: string | undefined;
  /** Kept when the input itself is not any more. */
  readonly inputBytes?: number | undefined;
  readonly options: string;
  readonly owner: string | undefined;
  readonly metadata: string | undefined;
  /** Before the first event; `undefined` for none. */
  readonly state?: string | undefined;
  readonly limits: Filled<ReplayLimits>;
  /** In how many milliseconds its first try may begin. */
  readonly delay: number;
  /** How long it is kept after its end, in milliseconds. */
  readonly retention: number;
}

type ClaimRefusal = 'unknown' | 'another-run' | 'ended' | 'stale' | 'late';

/** What a claim has found, and what a run needs. */
export type Claim =
  /** `stale`: the job is another instance's by now, or another fetch's. `late`: it may be, as its lock has run out. */
  | { readonly verdict: ClaimRefusal }
  /** Its time comes in so many milliseconds. */
  | { readonly verdict: 'early'; readonly wait: number }
  | {
      readonly verdict: 'run' | 'resumed' | 'lost' | 'cancelled';
      readonly lease: TaskLease;
      readonly task: StoredTask;
      /** `undefined` for none. */
      readonly input: string | undefined;
      readonly checkpoint: string | null;
      /** All requests to cancel since the first try, those that were withdrawn too. */
      readonly requests: readonly StoredRequest[];
      /** Whether signals were sent that no try has taken. */
      readonly hasSignals: boolean;
      /** The time of the claim, in epoch milliseconds of Redis. */
      readonly at: number;
    };

/** More requests to cancel change nothing any more: they are accepted, and not kept. */
const MAX_REQUESTS = 1_000;

/**
 * The tasks of all instances, in Redis. Each command is one step there.
 *
 * @see keysOf for what is kept where
 */
export class RedisTasks {
  /** Tells this instance from every other. */
  readonly instance = randomBytes(8).toString('hex');
  readonly #connection: StoreConnection;
  readonly #prefix: string;
  #calls = 0;

  constructor(connection: StoreConnection, prefix: string) {
    this.#connection = connection;
    this.#prefix = prefix;
  }

  /** Where this instance hears that there is something to read for one of its runs. */
  get channel(): string {
    return channelOf(this.#prefix, this.instance);
  }

  keysOf(key: string): TaskKeys {
    return keysOf(this.#prefix, key);
  }

  /**
   * Finds a task, or registers it.
   *
   * @param restart whether one that has ended is replaced
   * @throws StoreUnavailableError
   */
  async start(
    keys: TaskKeys,
    { epoch, input, inputBytes, options, owner, metadata, state, limits, delay, retention }: NewStoredTask,
    restart: boolean,
  ): Promise<{ readonly created: boolean; readonly task: StoredTask }> {
    // Of an event on the wire, without its type, its data and the digits of its seq.
    const frame = frameLength('', '', epoch.length, 1) - 1;
    const args = [epoch, restart ? '1' : '0', delay, 'options', options, 'maxEvents', limits.events];
    args.push('maxBytes', limits.bytes, 'frame', frame, 'retention', retention);
    if (input !== undefined) args.push('input', input);
    if (inputBytes !== undefined) args.push('inputBytes', inputBytes);
    if (owner !== undefined) args.push('owner', owner);
    if (metadata !== undefined) args.push('metadata', metadata);
    if (state !== undefined) args.push('state', state);
    const [isNew, found] = (await this.#connection.ask(start, keys, args)) as StartReply;
    const task =
      typeof found === 'number'
        ? newTask(epoch, found, { options, owner, metadata, state, inputBytes })
        : storedTask(found);
    return { created: isNew === 1, task };
  }

  /** Whether a task has ended, or is gone. */
  async hasEnded(key: string): Promise<boolean> {
    const status = await this.#connection.client.hget(this.keysOf(key).record, 'status');
    return status === null || isTerminal(status as TaskStatus);
  }

  /**
   * Takes a task for one try.
   *
   * @param epoch of the run that the job is of
   * @param resumable whether it goes on after its instance was lost
   * @param fetch how often its job has been fetched, this time included
   * @param until when the lock of its job ends, in epoch milliseconds of Redis
   */
  async claim(keys: TaskKeys, epoch: string, resumable: boolean, fetch = 0, until?: number): Promise<Claim> {
    const token = this.#newId();
    const args = [epoch, token, this.channel, resumable ? '1' : '0', fetch, until ?? ''];
    const reply = (await this.#connection.run(claim, keys, args)) as
      [verdict: ClaimRefusal] | [verdict: 'early', wait: number] | ClaimReply;
    if (reply.length === 1) return { verdict: reply[0] };
    if (reply.length === 2) return { verdict: reply[0], wait: reply[1] };
    const [verdict, fields, input, checkpoint, requests, signalled, at] = reply;
    const task = storedTask(fields);
    const { lastSeq, attempt } = task;
    const lease = { keys, epoch, token, lastSeq, attempt, seenRequests: requests.length };
    return {
      verdict,
      lease,
      task,
      input: input ?? undefined,
      checkpoint,
      requests: requests.map(storedRequest),
      hasSignals: signalled === 1,
      at,
    };
  }

  /**
   * Asks for the end of a task. When it resolves the request is in Redis, or the task has ended.
   *
   * @param terminalJson data of the event `cancelled`, for a task that no instance runs
   * @param epoch of the run that is meant, if not whichever is there
   * @throws StoreUnavailableError
   */
  async cancel(
    keys: TaskKeys,
    request: Omit<StoredRequest, 'id'>,
    terminalJson: string,
    epoch = '',
  ): Promise<CancelReply> {
    const id = this.#newId();
    const { grace, ...reason } = request;
    const json = toJson({ id, ...reason, grace });
    const args = [id, epoch, json, toJson(reason satisfies CancelReason), terminalJson, MAX_REQUESTS];
    return (await this.#connection.ask(cancel, keys, args)) as CancelReply;
  }

  /**
   * Ends a task that no instance runs, with a reason of the coordinator's own.
   *
   * @param minWait how long it must have waited since its first try could have begun, in milliseconds; between two tries since that began
   * @param terminalJson data of the last event
   */
  async endWaiting(
    keys: TaskKeys,
    type: 'cancelled' | 'timeout',
    reason: CancelReason,
    minWait: number,
    terminalJson: string,
    isBetweenTries = false,
  ): Promise<EndWaitingReply> {
    const args = [this.#newId(), type, minWait, toJson(reason), terminalJson, isBetweenTries ? '1' : '0'];
    return (await this.#connection.ask(endWaiting, keys, args)) as EndWaitingReply;
  }

  /**
   * Keeps a signal for the handler. Those that wait have no more bytes than the events that are kept may have.
   *
   * @param most how many of one name, and how many names, may wait
   * @param epoch of the run that is meant, if not whichever is there
   * @throws StoreUnavailableError
   */
  async signal(keys: TaskKeys, name: string, json: string, most: number, epoch = ''): Promise<SignalReply> {
    const args = [this.#newId(), epoch, name, json, most];
    return (await this.#connection.ask(signal, keys, args)) as SignalReply;
  }

  /** The signals that the handler has not taken, oldest first. */
  async signals(keys: TaskKeys): Promise<{ id: string; name: string; json: string }[]> {
    const fields = await this.#connection.client.hgetall(keys.signals);
    return Object.entries(fields)
      .filter(([id]) => /^\d+$/.test(id))
      .toSorted(([a], [b]) => Number(a) - Number(b))
      .map(([id, text]) => {
        const at = text.indexOf(' ');
        return { id, name: text.slice(0, at), json: text.slice(at + 1) };
      });
  }

  /**
   * Forgets signals that the handler has taken.
   *
   * @param ids as `signals` gave them
   */
  async dropSignals({ keys, token }: TaskLease, ids: readonly string[]): Promise<'taken' | 'lost'> {
    const [answer] = (await this.#connection.run(dropSignals, keys, [token, ...ids])) as ['taken' | 'lost'];
    return answer;
  }

  /**
   * Says how many watch a task on this instance.
   *
   * @param epoch of the run that they watch
   * @param ms how long that holds
   * @returns whether that run is there
   * @throws StoreUnavailableError
   */
  async watch(keys: TaskKeys, epoch: string, count: number, ms: number): Promise<boolean> {
    return (await this.#connection.ask(watch, keys, [this.instance, count, ms, epoch])) === 1;
  }

  /**
   * Forgets an ended task before its retention is over.
   *
   * @returns whether it is gone; `false` for one that has not ended
   * @throws StoreUnavailableError
   */
  async forget(keys: TaskKeys): Promise<boolean> {
    return (await this.#connection.ask(forget, keys, [])) === 1;
  }

  #newId(): string {
    return `${this.instance}.${++this.#calls}`;
  }
}

type StartReply = [isNew: number, task: number | (string | null)[]];

type ClaimReply = [
  verdict: 'run' | 'resumed' | 'lost' | 'cancelled',
  task: (string | null)[],
  input: string | null,
  checkpoint: string | null,
  requests: string[],
  signalled: number,
  at: number,
];

import { setImmediate } from 'node:timers';
import { inRootContext } from '../../cancellation/async-context.js';
import { Timer } from '../../cancellation/time/timer.js';
import { formatEventId } from '../../log/wire/event-id.js';
import type {
  DecideAnswer,
  DecidedEnd,
  EndingTask,
  RunJournal,
  TryEnd,
  Written,
} from '../../log/run-journal.js';
import { toJson } from '../../task/json/json.js';
import type { TerminalStatus } from '../../task/task-status.js';
import type { EventBuffer } from './event-buffer.js';
import type { JournalRun, Release, TaskLease } from './journal-run.js';
import { append } from './scripts/append.js';
import { decide } from './scripts/decide.js';
import { finish } from './scripts/finish.js';
import { release } from './scripts/release.js';
import type { Script } from './scripts/script.js';
import type { StoreConnection } from './connection/store-connection.js';
import { plainReason, type StoredRequest, storedRequest } from './stored-request.js';
import { WriteBatch } from './write-batch.js';

/** The most that goes in one call: Redis does nothing else meanwhile. */
const MAX_BATCH_EVENTS = 500;
const MAX_BATCH_BYTES = 512 * 1024;

/** The first wait and the longest before something is written again that Redis has refused, in milliseconds. */
const FIRST_RETRY = 50;
const LAST_RETRY = 1_000;

type Answer = DecideAnswer;
type Reply = [answer: Answer, requests?: string[]];

/** Something that is written behind all events. */
interface LastWrite {
  readonly write: () => Promise<void>;
  readonly settle: () => void;
}

/**
 * What one run writes in Redis. Events of one turn go in one call, and one call is on its way at a time: what comes meanwhile goes in
 * the next one. So order is kept, and a call can be sent again whatever became of it. A journal that has lost its lease is deaf.
 */
export class RedisJournal implements RunJournal {
  readonly #connection: StoreConnection;
  readonly #lease: TaskLease;
  readonly #buffer: EventBuffer;
  readonly #run: JournalRun;
  #lastSeq: number;
  #seen: number;
  readonly #batches: WriteBatch[] = [];
  #underWay: WriteBatch | undefined;
  /** What the run is doing, where Redis does not know it yet. */
  #state: { readonly status: 'running' | 'cancelling'; readonly attempt: number } | undefined;
  #attempt: number;
  #writtenProgress = 'null';
  #writtenFacts = '{}';
  #mustLook = false;
  readonly #lastWrites: LastWrite[] = [];
  #isWriting = false;
  #isScheduled = false;
  #isDeaf = false;
  #endPause: (() => void) | undefined;

  constructor(connection: StoreConnection, lease: TaskLease, buffer: EventBuffer, run: JournalRun) {
    this.#connection = connection;
    this.#lease = lease;
    this.#buffer = buffer;
    this.#run = run;
    this.#lastSeq = lease.lastSeq;
    this.#seen = lease.seenRequests;
    this.#attempt = lease.attempt;
  }

  get lastEventId(): string | null {
    return this.#lastSeq === 0 ? null : formatEventId(this.#lease.epoch, this.#lastSeq);
  }

  /** Whether nothing is written any more. */
  get isDeaf(): boolean {
    return this.#isDeaf;
  }

  /** @throws LogUnavailableError where too much waits already */
  append(type: string, json: string, state?: string): Written {
    if (this.#isDeaf) return undefined;
    const bytes = type.length + Buffer.byteLength(json);
    this.#buffer.take(bytes);
    const batch = this.#batchFor(bytes);
    this.#lastSeq++;
    batch.add({ type, json, bytes });
    if (state !== undefined) batch.state = state;
    this.#writeSoon();
    return batch.written;
  }

  /** It is written with the events that were sent before. */
  saveCheckpoint(json: string): Written {
    if (this.#isDeaf) return undefined;
    const batch = this.#batchFor(0);
    batch.checkpoint = json;
    this.#writeSoon();
    return batch.written;
  }

  mark(status: 'running' | 'cancelling', attempt: number): void {
    if (this.#isDeaf) return;
    this.#attempt = attempt;
    if (status === 'cancelling' && this.#run.isHandedOver) return;
    this.#state = { status, attempt };
    this.#writeSoon();
  }

  isFollowed(end: TryEnd): boolean {
    return this.#run.goesOn(end);
  }

  end(type: TerminalStatus, json: string, task: EndingTask, state?: string): Written {
    const ending: DecidedEnd = { type, json, record: task.record, facts: task.end?.facts, state };
    const instead = this.#run.insteadOf(ending);
    return this.#writeLast(() => (instead ? this.#releaseOrEnd(instead, ending) : this.#finish(ending)));
  }

  /** Asks for requests to cancel that came meanwhile. Also finds out whether the lease was lost. */
  look(): void {
    if (this.#isDeaf) return;
    this.#mustLook = true;
    this.#writeSoon();
  }

  /** Another instance owns the task, or may: from here on nothing is written. */
  fence(): void {
    if (this.#isDeaf) return;
    this.#isDeaf = true;
    if (this.#underWay) this.#letGo(this.#underWay);
    for (const batch of this.#batches.splice(0)) this.#letGo(batch);
    this.#endPause?.();
    for (const { settle } of this.#lastWrites.splice(0)) settle();
  }

  /**
   * Gives the task up, so that it goes on elsewhere. What was written before arrives; nothing that is written later does.
   *
   * @returns `refused` where it is being cancelled: then it is still the owner's
   */
  async release(how: Release): Promise<Answer> {
    let answer: Answer = 'lost';
    await this.#writeLast(async () => {
      const [given, requests] = await this.#release(how);
      answer = given;
      if (given === 'taken') this.fence();
      else this.#tell(requests);
    });
    return answer;
  }

  /**
   * Notes that the outcome of the run stands, though its end is not written yet: from then on a cancel comes too late.
   *
   * @returns `undefined` where another try follows; `refused` where a request came before: the run was told of it
   */
  decide(end?: TryEnd): Promise<Answer> | undefined {
    return end && this.isFollowed(end) ? undefined : this.#decide(end ? 'end' : 'commit');
  }

  async #decide(what: 'end' | 'commit'): Promise<Answer> {
    let answer: Answer = 'lost';
    await this.#writeLast(async () => {
      const [given, requests = []] = await this.#send(decide, [this.#lease.token, this.#seen, what]);
      answer = given;
      if (given === 'lost') this.#lose();
      this.#tell(requests.map(storedRequest));
    });
    return answer;
  }

  #batchFor(bytes: number): WriteBatch {
    const newest = this.#batches.at(-1);
    const hasRoom =
      newest && newest.events.length < MAX_BATCH_EVENTS && newest.bytes + bytes <= MAX_BATCH_BYTES;
    if (newest && hasRoom) return newest;
    const batch = new WriteBatch(this.#lastSeq + 1);
    this.#batches.push(batch);
    return batch;
  }

  /** At the end of the turn: what else is written in it goes along. */
  #writeSoon(): void {
    if (this.#isScheduled || this.#isWriting || this.#isDeaf) return;
    this.#isScheduled = true;
    inRootContext(() => setImmediate(this.#begin));
  }

  readonly #begin = (): void => {
    this.#isScheduled = false;
    void this.#writeAll();
  };

  async #writeAll(): Promise<void> {
    this.#isWriting = true;
    while (!this.#isDeaf) {
      const [last] = this.#lastWrites;
      // The last batch goes with what is written last.
      if (this.#batches.length > (last ? 1 : 0)) await this.#writeBatch();
      else if (last) {
        await last.write();
        this.#lastWrites.shift();
        last.settle();
      } else if (this.#state || this.#mustLook) await this.#writeBatch();
      else break;
    }
    this.#isWriting = false;
  }

  #writeBatch(): Promise<void> {
    this.#mustLook = false;
    return this.#write(append, []).then(([, requests]) => this.#tell(requests));
  }

  #writeLast(write: () => Promise<void>): Written {
    if (this.#isDeaf) return undefined;
    return new Promise((settle) => {
      this.#lastWrites.push({ write, settle });
      this.#writeSoon();
    });
  }

  #release({ isFree, delay, event }: Release, ending?: DecidedEnd): Promise<[Answer, StoredRequest[]]> {
    return this.#write(release, [isFree ? '1' : '0', String(delay)], event, ending);
  }

  async #releaseOrEnd(how: Release, ending: DecidedEnd): Promise<void> {
    const folded = this.#run.folded(how);
    if (!folded) return this.#finish(this.#decideAgain(ending, []));
    const [answer, requests] = await this.#release(folded, ending);
    if (answer === 'refused') await this.#finish(this.#decideAgain(ending, requests));
    else this.fence();
  }

  #finish(ending: DecidedEnd): Promise<void> {
    const { finalValue, error, publicError } = ending.record;
    const more = [
      ending.type === 'completed' ? toJson(finalValue) : '',
      error === null ? '' : toJson(error),
      publicError === null ? '' : toJson(publicError),
      ending.state ?? '',
    ];
    return this.#write(finish, more, ending, ending).then(([answer, requests]) => {
      if (answer === 'refused') return this.#finish(this.#decideAgain(ending, requests));
      if (answer === 'taken') this.#lastSeq++;
      return this.fence();
    });
  }

  #decideAgain(ending: DecidedEnd, requests: readonly StoredRequest[]): DecidedEnd {
    this.#seen += requests.length;
    return this.#run.decideAgain(ending, requests);
  }

  #tell(requests: readonly StoredRequest[]): void {
    // A run that has decided does not see them. They count as unseen, so that it has to decide again.
    if (requests.length > 0 && this.#run.onRequests(requests)) this.#seen += requests.length;
  }

  /**
   * Writes the oldest batch with what the run is doing.
   *
   * @param more arguments of this script
   * @param event behind those of the batch
   * @param ending how the run ends, if it does
   */
  #write(
    script: Script,
    more: readonly string[],
    event?: Release['event'],
    ending?: DecidedEnd,
  ): Promise<[Answer, StoredRequest[]]> {
    const batch = this.#batches.shift();
    this.#underWay = batch;
    const state = this.#state;
    this.#state = undefined;
    const { progress, cancellation } = this.#run;
    const facts = this.#run.factsOf(ending);
    const end = script === finish ? ending : undefined;
    const reason = end ? end.record.cancellation : cancellation;
    const args: (string | number)[] = [
      this.#lease.token,
      this.#seen,
      batch?.firstSeq ?? this.#lastSeq + 1,
      end?.type ?? state?.status ?? '',
      state?.attempt ?? this.#attempt,
      reason ? toJson(plainReason(reason)) : '',
      progress === this.#writtenProgress ? '' : progress,
      batch?.checkpoint ?? '',
      facts === this.#writtenFacts ? '' : facts,
      (end ? undefined : event?.state) ?? batch?.state ?? '',
      ...more,
    ];
    for (const { type, json } of batch?.events ?? []) args.push(type, json);
    if (event) args.push(event.type, event.json);
    return this.#send(script, args).then(([answer, requests = []]) => {
      this.#underWay = undefined;
      if (answer === 'taken') [this.#writtenProgress, this.#writtenFacts] = [progress, facts];
      // What was refused goes with the next call.
      if (answer === 'refused' && batch) this.#batches.unshift(batch);
      else if (batch) this.#letGo(batch);
      if (answer === 'lost') this.#lose();
      return [answer, requests.map(storedRequest)];
    });
  }

  #lose(): void {
    if (this.#isDeaf) return;
    this.fence();
    this.#run.onLost();
  }

  #send(script: Script, args: readonly (string | number)[]): Promise<Reply> {
    return this.#call(script, args).catch((error: unknown) => {
      if (!this.#connection.isClosed) this.#run.onFailure(error);
      return this.#sendAgain(script, args);
    });
  }

  /** Tries again for as long as it takes, or until somebody fences the journal. */
  async #sendAgain(script: Script, args: readonly (string | number)[]): Promise<Reply> {
    for (let wait = FIRST_RETRY; !this.#isDeaf; wait = Math.min(wait * 2, LAST_RETRY)) {
      if (this.#connection.isClosed) this.fence();
      await this.#wait(wait);
      try {
        return await this.#call(script, args);
      } catch {
        // The run was told of the first failure.
      }
    }
    return ['lost'];
  }

  #call(script: Script, args: readonly (string | number)[]): Promise<Reply> {
    if (this.#isDeaf) return Promise.resolve(['lost']);
    const { keys } = this.#lease;
    return this.#connection
      .run(script, keys, args)
      .then((reply) => (this.#isDeaf ? ['lost'] : (reply as Reply)));
  }

  async #wait(ms: number): Promise<void> {
    if (this.#isDeaf) return;
    await new Promise<void>((resolve) => {
      const timer = new Timer(ms, () => this.#endPause?.());
      this.#endPause = () => {
        timer.clear();
        this.#endPause = undefined;
        resolve();
      };
    });
  }

  #letGo(batch: WriteBatch): void {
    if (batch.settle()) this.#buffer.giveBack(batch.events.length, batch.bytes);
  }
}

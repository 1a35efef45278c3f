import type { ListenerDelivery } from '../../engine/listeners/listener-delivery.js';
import type { TaskType } from '../../task-types/task-type.js';
import { refOf } from '../ref-of.js';
import { OwnedRun, type RunParts } from './owned-run.js';
import type { PendingTasks } from '../pending-tasks.js';
import type { RedisNews } from '../redis/redis-news.js';
import type { Claim } from '../redis/redis-tasks.js';
import type { TaskIndex } from '../redis/task-index.js';
import type { TaskQueue } from '../task-queue.js';
import type { JobHandler } from './task-worker.js';
import type { ViewRegistry } from '../views/view-registry.js';

export interface RunnerParts extends RunParts {
  readonly news: RedisNews;
  readonly views: ViewRegistry;
  readonly index: TaskIndex;
  readonly pending: PendingTasks;
  readonly listeners: ListenerDelivery;
  readonly retention: number;
}

/** The tasks that run here. */
export class TaskRunner {
  readonly #parts: RunnerParts;
  readonly #runs = new Map<string, OwnedRun>();
  /** Claims that are on their way. News of their tasks may be here before their answer. */
  readonly #claims = new Set<{ readonly record: string; hasNews: boolean }>();
  readonly #listening: Disposable;
  #isClosing = false;

  constructor(parts: RunnerParts) {
    this.#parts = parts;
    this.#listening = parts.news.onInstance(parts.tasks.channel, (record) => this.#onNews(record));
  }

  /** Whatever is claimed from now on is given back. Gives what runs. */
  beginClosing(): OwnedRun[] {
    this.#isClosing = true;
    return [...this.#runs.values()];
  }

  /** Watchers go without a word where their instance was lost. */
  async lookForWatchers(): Promise<void> {
    await Promise.all([...this.#runs.values()].map((run) => run.lookForWatchers()));
  }

  close(): void {
    this.#listening[Symbol.dispose]();
  }

  /** Works on the jobs of a task type. */
  handlerOf(type: TaskType, queue: TaskQueue): JobHandler {
    const { store } = queue;
    return async ({ key, epoch }, job) => {
      const { tasks, views, listeners } = this.#parts;
      const keys = tasks.keysOf(key);
      const sent = { record: keys.record, hasNews: false };
      this.#claims.add(sent);
      let claim: Claim;
      try {
        claim = await tasks.claim(keys, epoch, type.options.resumable, job.fetch, job.until);
      } finally {
        this.#claims.delete(sent);
      }
      if (claim.verdict === 'stale') return { kind: 'lost' };
      if (claim.verdict === 'late') return { kind: 'again', delay: 0, left: Infinity };
      if (!('lease' in claim))
        return claim.verdict === 'early'
          ? { kind: 'again', delay: claim.wait, left: Infinity }
          : { kind: 'ended' };
      // Not before: a job of an earlier run says nothing of the one that waits.
      store.forget([key]);
      this.#parts.pending.onBegin(key);
      const view = views.of(refOf(key), claim.task);
      const owned = new OwnedRun(this.#parts, claim, type, view);
      // What comes from now on is published; what came before, the claim has told.
      this.#runs.set(owned.record, owned);
      job.onLost = () => owned.lose();
      // While it was being claimed.
      if (job.isLost) owned.lose();
      const following = listeners.follow(owned.run);
      // What calls no handler settles at once. Given back, a try that was lost would be run again.
      const isGivenBack = this.#isClosing && (claim.verdict === 'run' || claim.verdict === 'resumed');
      if (isGivenBack) owned.giveBack();
      else owned.begin(claim.input);
      if (sent.hasNews) owned.look();
      const end = await owned.over;
      following?.stopAfter(owned.lastSeq);
      if (this.#runs.get(owned.record) === owned) this.#runs.delete(owned.record);
      if (end.kind === 'again') this.#parts.pending.onRelease(queue, key, end.left);
      if (end.kind === 'ended') await this.#listEnd(key);
      return end;
    };
  }

  #listEnd(key: string): Promise<void> {
    const { index, retention } = this.#parts;
    // A sweep of the list finds it otherwise.
    return index.ended(key, retention).catch(() => {});
  }

  /** @param record `undefined` where something may have been missed */
  #onNews(record: string | undefined): void {
    for (const claim of this.#claims) claim.hasNews ||= record === undefined || record === claim.record;
    if (record !== undefined) this.#runs.get(record)?.look();
    else for (const run of this.#runs.values()) run.look();
  }
}

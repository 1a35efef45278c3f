import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Timer } from '../../cancellation/time/timer.js';
import { inRootContext } from '../../cancellation/async-context.js';
import { quoted, readProperty } from '../../cancellation/read-error.js';
import type { TaskView } from '../../engine/task-view.js';
import { taskKey } from '../../task/task-ref.js';
import { DashboardAccess } from '../access/dashboard-access.js';
import { DashboardEngine } from '../dashboard-engine.js';
import { TaskRow } from './task-row.js';

/** Time between two looks, in milliseconds. */
const PERIOD = 1_000;
const PAGE = 200;
/** Of the newest, which are listed at each look: more where all of them were new. */
const NEWEST = 50;
const MAX_ROWS = 20_000;
/** How long what was seen is kept for the next who looks, in milliseconds: another filter is another list. */
const LINGER = 3_000;
/** All tasks are listed anew so often that it takes at most this part of the time. */
const WHOLE_SHARE = 50;
const LEAST_WHOLE_PERIOD = 5_000;

/**
 * All tasks, as the dashboards of this process show them. While a page is open it asks once a second for the newest tasks, and for those
 * that have not ended. Now and then it lists them all, and drops those that are gone. While no page is open it asks for nothing and holds
 * nothing.
 */
@Injectable()
export class TaskTable implements OnApplicationShutdown {
  /** As the page shows them: first those that have not ended. */
  rows: readonly TaskRow[] = [];
  /** Counts the looks. */
  version = 0;
  /** Why it is not up to date. */
  fault: string | undefined;
  readonly #rows = new Map<string, TaskRow>();
  readonly #listeners = new Set<() => void>();
  #timer: Timer | undefined;
  #leaving: Timer | undefined;
  #hasLooked = false;
  #looking: Promise<void> | undefined;
  #nextWhole = 0;
  #isClosed = false;

  constructor(
    private readonly source: DashboardEngine,
    private readonly access: DashboardAccess,
  ) {}

  /** Whether somebody looks. */
  get isFollowed(): boolean {
    return this.#listeners.size > 0;
  }

  /** Whether it had all tasks in the last look. */
  get isWhole(): boolean {
    return this.fault === undefined && this.rows.length < MAX_ROWS;
  }

  /** Calls back after each look, and at once with what the last one has shown. */
  follow(listener: () => void): Disposable {
    this.#listeners.add(listener);
    this.#leaving?.clear();
    this.#leaving = undefined;
    this.#lookSoon();
    if (this.#hasLooked) listener();
    return {
      [Symbol.dispose]: () => {
        this.#listeners.delete(listener);
        if (this.#listeners.size > 0 || this.#isClosed) return;
        this.#leaving ??= new Timer(LINGER, () => this.#stop()).unref();
      },
    };
  }

  /** Looks now, after something was done. */
  look(): Promise<void> {
    this.#looking ??= inRootContext(() => this.#look()).finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  onApplicationShutdown(): void {
    this.#isClosed = true;
    this.#listeners.clear();
    this.#stop();
  }

  #stop(): void {
    this.#timer?.clear();
    this.#timer = undefined;
    this.#leaving?.clear();
    this.#leaving = undefined;
    this.#hasLooked = false;
    this.#rows.clear();
    this.rows = [];
    this.#nextWhole = 0;
  }

  /** At once for the first who looks, and from then on in turn. */
  #lookSoon(pause = 0): void {
    if (this.#isClosed || this.#timer || this.#listeners.size === 0) return;
    const timer = new Timer(pause, () => {
      void this.look().finally(() => {
        // No page was open for a while, and one is again: that has a timer of its own.
        if (this.#timer !== timer) return;
        this.#timer = undefined;
        this.#lookSoon(PERIOD);
      });
    }).unref();
    this.#timer = timer;
  }

  async #look(): Promise<void> {
    const version = ++this.version;
    try {
      const began = performance.now();
      if (began >= this.#nextWhole) {
        await this.#lookAtAll(version);
        const took = performance.now() - began;
        this.#nextWhole = performance.now() + Math.max(LEAST_WHOLE_PERIOD, WHOLE_SHARE * took);
      } else {
        await this.#lookAtActive(version);
        await this.#lookAtNewest(version);
      }
      this.fault = undefined;
    } catch (error) {
      this.fault = `The tasks cannot be listed: ${quoted(readProperty(error, 'message') ?? error, 200)}`;
    }
    // Those who looked may be gone for good meanwhile.
    if (this.#listeners.size === 0 && !this.#leaving) this.#rows.clear();
    else this.#hasLooked = true;
    this.#sort();
    for (const listener of this.#listeners) listener();
  }

  async #lookAtAll(version: number): Promise<void> {
    const seen = new Set<string>();
    let cursor: string | undefined;
    do {
      const listing = await this.source.engine.list(cursor === undefined ? {} : { cursor }, PAGE);
      const { views } = listing;
      for (const view of views) seen.add(this.#put(view, version).key);
      cursor = views.length === PAGE ? listing.cursorBehind(PAGE - 1) : undefined;
      // Listed without any I/O, thousands would hold up all others.
      await nextTurn();
    } while (cursor !== undefined && seen.size < MAX_ROWS);
    for (const key of this.#rows.keys()) if (!seen.has(key)) this.#rows.delete(key);
  }

  async #lookAtNewest(version: number): Promise<void> {
    let cursor: string | undefined;
    let isNew: boolean;
    do {
      const listing = await this.source.engine.list(cursor === undefined ? {} : { cursor }, NEWEST);
      const { views } = listing;
      const known = this.#rows.size;
      for (const view of views) this.#put(view, version);
      // A page that brought something may have more behind it.
      isNew = this.#rows.size > known && views.length === NEWEST;
      if (isNew) cursor = listing.cursorBehind(NEWEST - 1);
    } while (isNew && this.#rows.size < MAX_ROWS);
  }

  async #lookAtActive(version: number): Promise<void> {
    const active = [...this.#rows.values()].filter((row) => row.isActive);
    for (let at = 0; at < active.length; at += PAGE) {
      const part = active.slice(at, at + PAGE);
      const views = await Promise.all(part.map(async ({ task }) => this.source.engine.find(task)));
      for (const [index, view] of views.entries()) {
        if (view) this.#put(view, version);
        else this.#rows.delete((part[index] as TaskRow).key);
      }
    }
  }

  #put(view: TaskView, version: number): TaskRow {
    const key = taskKey(view.ref);
    const known = this.#rows.get(key);
    if (known?.isSettledAs(view) || known?.update(view, this.access, version)) return known;
    const row = new TaskRow(view, this.access, version);
    this.#rows.set(key, row);
    return row;
  }

  #sort(): void {
    this.rows = [...this.#rows.values()].toSorted(byInterest);
  }
}

/** First those that have not ended, the newest first. Then the others, that which ended last first. */
function byInterest(a: TaskRow, b: TaskRow): number {
  if (a.isActive !== b.isActive) return a.isActive ? -1 : 1;
  return timeOf(b) - timeOf(a) || b.createdAt - a.createdAt || (a.key < b.key ? -1 : 1);
}

function timeOf({ createdAt, data: { endedAt } }: TaskRow): number {
  return endedAt ?? createdAt;
}

import { type ChildProcess, spawn, type SpawnOptions } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { Timer } from '../cancellation/time/timer.js';

export interface ProcessExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** How long the dead may be taken for living, in milliseconds: a zombie whose parent does not look, on macOS. */
const MAX_ZOMBIE_TIME = 1_000;
/** How long it waits between two looks: at first, and at most, in milliseconds. */
const MIN_POLL_DELAY = 2;
const MAX_POLL_DELAY = 100;
/** So many processes are looked at at once. On a busy machine 150 of them took up to 440 ms one by one, and take up to 70 ms so. */
const READS_AT_ONCE = 32;

/** Windows has no process groups; there a "group" is the one process. */
const hasGroups = process.platform !== 'win32';

const living = new Set<ProcessGroup>();

/** This process ends, so nothing will wait for the others. */
function killTheLiving(): void {
  for (const group of living) group.signal('SIGKILL');
}

/** A child process at the head of a process group of its own: it and what it starts are signalled as one. */
export class ProcessGroup {
  readonly leader: ChildProcess;
  /** Settles when the leader has ended. */
  readonly exited: Promise<ProcessExit>;
  #over = false;
  #ending: Promise<void> | undefined;

  /** @throws what `spawn` throws; what it only reports later rejects {@link exited}, and {@link started} is false */
  constructor(command: string, args: readonly string[], options: SpawnOptions) {
    this.leader = spawn(command, args, { ...options, detached: hasGroups, windowsHide: true });
    this.exited = new Promise((resolve, reject) => {
      this.leader.on('error', reject);
      this.leader.once('exit', (code, signal) => resolve({ code, signal }));
    });
    if (this.started) this.#enter();
    else this.#over = true;
  }

  get started(): boolean {
    return this.leader.pid !== undefined;
  }

  /** Sends a signal to all that are left of it. */
  signal(signal: NodeJS.Signals): void {
    if (this.#over || this.#isReplaced) return;
    try {
      if (hasGroups) process.kill(-this.#id, signal);
      else this.leader.kill(signal);
    } catch {
      // None is left (ESRCH), or none that may be signalled (EPERM).
    }
  }

  /** Ends it: SIGTERM to all, SIGKILL to what is left after the delay. The first call counts. Settles when none is left. */
  end(killDelay: number): Promise<void> {
    return (this.#ending ??= this.#end(killDelay));
  }

  async #end(killDelay: number): Promise<void> {
    let killedAt = Infinity;
    this.signal('SIGTERM');
    const timer = new Timer(killDelay, () => {
      killedAt = performance.now();
      this.signal('SIGKILL');
    });
    try {
      await this.exited.catch(() => {});
      // That a process ends which is not our child can only be seen by looking.
      for (let wait = MIN_POLL_DELAY; await this.#hasMembers(); wait = Math.min(wait * 2, MAX_POLL_DELAY)) {
        if (performance.now() - killedAt > MAX_ZOMBIE_TIME) break;
        await pause(wait);
      }
    } finally {
      timer.clear();
      this.#leave();
    }
  }

  async #hasMembers(): Promise<boolean> {
    if (this.#over || !hasGroups || this.#isReplaced || !canReach(-this.#id)) return false;
    return process.platform === 'linux' ? hasLivingMembers(this.#id) : true;
  }

  /** Whether its id is that of another process: the system reuses it only once the group is gone. */
  get #isReplaced(): boolean {
    const { exitCode, signalCode } = this.leader;
    return (exitCode !== null || signalCode !== null) && canReach(this.#id);
  }

  get #id(): number {
    return this.leader.pid as number;
  }

  #enter(): void {
    if (living.size === 0) process.on('exit', killTheLiving);
    living.add(this);
  }

  #leave(): void {
    this.#over = true;
    if (living.delete(this) && living.size === 0) process.off('exit', killTheLiving);
  }
}

/** Whether there is such a process, or with a negative number such a group. */
function canReach(id: number): boolean {
  try {
    return process.kill(id, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/**
 * Whether a group has members that are not just waiting to be noticed. In a container whose first process does not
 * care for orphans these stay as zombies for ever, and a signal still "reaches" them.
 */
async function hasLivingMembers(group: number): Promise<boolean> {
  const entries = await readdir('/proc').catch(() => undefined);
  if (!entries) return true;
  const ids = entries.filter((entry) => /^\d+$/.test(entry));
  for (let at = 0; at < ids.length; at += READS_AT_ONCE) {
    const some = ids.slice(at, at + READS_AT_ONCE);
    const are = await Promise.all(some.map((id) => isLivingMember(id, group)));
    if (are.includes(true)) return true;
  }
  return false;
}

async function isLivingMember(id: string, group: number): Promise<boolean> {
  const stat = await readFile(`/proc/${id}/stat`, 'latin1').catch(() => '');
  // pid (name) state ppid pgrp …, and a name may hold anything.
  const [state, , pgrp] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(pgrp) === group && state !== 'Z' && state !== 'X';
}

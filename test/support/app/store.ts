import { describe, it } from '@jest/globals';
import { eventually } from '../wait.js';

/** Whether the tests have their tasks in Redis: `npm run test:redis`. */
export const isOnRedis = process.env['STORE'] === 'redis';

/** Whether what a call brings about is seen some milliseconds later: tasks are in Redis, or logs are kept elsewhere (`LOGS=elsewhere`). */
export const isLate = isOnRedis || process.env['LOGS'] === 'elsewhere';

interface Store {
  untilQuiet(): Promise<void>;
  stop(): Promise<void>;
}

let store: Promise<Store> | undefined;

/** Has the store of a test file stopped behind all that its tests close. */
export function keepStore(started: Promise<Store>): void {
  store = started;
}

/** Settles when what was asked of the store has been answered, and what followed from that; at once where there is none. */
export async function untilStoreIsQuiet(): Promise<void> {
  await (await store)?.untilQuiet();
}

export async function stopStore(): Promise<void> {
  await (await store)?.stop();
}

/** What holds in one process alone, in the words of `docs/many-instances.md`. */
export const inOneProcess = {
  cancel: 'aborts the signal before it returns',
  cancelAtStart: 'the handler is never called',
  log: 'returns when the event is in the log',
  retention: 'stays for those who still read it',
  times: 'All times that instances share are those of Redis',
  memory: 'counts all logs',
} as const;

export type InOneProcess = (typeof inOneProcess)[keyof typeof inOneProcess];

/** `it` for what is promised for one process alone. With tasks in Redis, or logs elsewhere, it is not run, and says so. `BEHAVIOURS.md` lists all. */
export function itInProcess(title: string, reason: InOneProcess, test: () => void | Promise<void>): void {
  if (hasOneProcess(reason)) it(title, test);
  else note(title, reason);
}

/** The same for a block. */
export function describeInProcess(title: string, reason: InOneProcess, block: () => void): void {
  if (hasOneProcess(reason)) describe(title, block);
  else note(title, reason);
}

/** With logs elsewhere the rest of the task still is in one process. */
function hasOneProcess(reason: InOneProcess): boolean {
  return !isLate || (!isOnRedis && reason !== inOneProcess.log && reason !== inOneProcess.cancel);
}

function note(title: string, reason: InOneProcess): void {
  process.stderr.write(`In one process only: ${title} (${reason})\n`);
}

/**
 * Asserts what a call has brought about: in one process it must be so when the call has returned; with tasks or logs elsewhere it may
 * take some milliseconds.
 */
export async function takesEffect(assertion: () => void | Promise<void>): Promise<void> {
  if (isLate) await eventually(assertion);
  else await assertion();
}

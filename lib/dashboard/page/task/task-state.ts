import { batch, signal } from '@preact/signals';
import { ApiError, get, openStream, tellTime, urlOf } from '../api.js';
import type { Ref } from '../route.js';
import type { CancelTimes, Rights, Snapshot, TaskEvent } from '../types.js';

/** How many events are kept in the page. */
const MAX_EVENTS = 1_000;

/** One try, as its events tell of it. */
export interface Try {
  readonly attempt: number;
  readonly startedAt: number;
  endedAt?: number;
  why?: string;
}

export interface ShownTask {
  readonly snapshot: Snapshot;
  readonly times: CancelTimes;
}

export const task = signal<ShownTask | undefined>(undefined);
/** Oldest first. */
export const events = signal<readonly TaskEvent[]>([]);
export const tries = signal<readonly Try[]>([]);
/** When it was told that it is being cancelled, where its type announces that. */
export const announcedAt = signal<number | undefined>(undefined);
/** How many events are not shown: not kept by the server, or too many for the page. */
export const missing = signal(0);
export const rights = signal<Rights>({});

/** Why it is not read any more: it is gone, or may not be seen. */
export interface Loss {
  readonly isGone: boolean;
  readonly message: string;
}

export const lost = signal<Loss | undefined>(undefined);
/** Why the server cannot read it, where that may pass. */
export const fault = signal<string | undefined>(undefined);

/** Reads a task as long as it is shown. */
export function readTask(ref: Ref): () => void {
  const path = `tasks/${ref.app}/${ref.name}/${ref.id}`;
  let after = '';
  reset();
  task.value = undefined;
  rights.value = {};
  lost.value = undefined;
  fault.value = undefined;
  void askRights(path);
  return openStream(
    () => urlOf(path, { after }),
    `${path}/rights`,
    {
      task: ({ now, snapshot, times }: ShownTask & { now: number }) => {
        // What may be done may be another by now.
        if (lost.value) void askRights(path);
        batch(() => {
          tellTime(now);
          lost.value = undefined;
          fault.value = undefined;
          task.value = { snapshot, times: times ?? {} };
        });
      },
      events: ({ events: told }: { events: TaskEvent[] }) => {
        after = told.findLast(({ type }) => type !== 'gap')?.id ?? after;
        batch(() => take(told));
      },
      fault: (told: { fault?: string }) => {
        fault.value = told.fault;
      },
      restarted: () => {
        after = '';
        reset();
      },
      gone: () => {
        lost.value = { isGone: true, message: 'It is no longer kept.' };
      },
    },
    (error) => batch(() => lose(error)),
  );
}

function lose({ status, message }: ApiError): void {
  lost.value = { isGone: status === 404, message };
  if (status === 404) return;
  // It may not be seen any more.
  task.value = undefined;
  rights.value = {};
  reset();
}

async function askRights(path: string): Promise<void> {
  try {
    rights.value = await get<Rights>(`${path}/rights`);
  } catch (error) {
    if (error instanceof ApiError && error.status > 0 && error.status < 500) lose(error);
  }
}

function reset(): void {
  events.value = [];
  tries.value = [];
  missing.value = 0;
  announcedAt.value = undefined;
}

function take(told: readonly TaskEvent[]): void {
  for (const event of told) follow(event);
  const all = [...events.value, ...told.filter(({ type }) => type !== 'gap')];
  if (all.length > MAX_EVENTS) missing.value += all.length - MAX_EVENTS;
  events.value = all.slice(-MAX_EVENTS);
}

/** What the timeline is made of: it stays when the events of it are no longer kept. */
function follow({ type, data, timestamp = 0 }: TaskEvent): void {
  const given =
    typeof data === 'object' && data !== null && !Array.isArray(data)
      ? (data as Record<string, unknown>)
      : {};
  if (type === 'gap') {
    const { cause, missed } = given;
    // What is shown is of an earlier run.
    if (cause !== 'expired') reset();
    if (typeof missed === 'number') missing.value += missed;
  } else if (type === 'started') {
    const attempt = typeof given['attempt'] === 'number' ? given['attempt'] : tries.value.length + 1;
    if (!tries.value.some((each) => each.attempt === attempt)) {
      tries.value = [...tries.value, { attempt, startedAt: timestamp }];
    }
  } else if (type === 'retrying') {
    const why = typeof given['message'] === 'string' ? given['message'] : undefined;
    tries.value = tries.value.map((each, index, all) =>
      index === all.length - 1 && each.endedAt === undefined
        ? { ...each, endedAt: timestamp, ...(why !== undefined && { why }) }
        : each,
    );
  } else if (type === 'cancelling') {
    announcedAt.value ??= timestamp;
  }
}

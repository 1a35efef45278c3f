import { batch, computed, effect, signal, type Signal } from '@preact/signals';
import { openStream, tellTime, urlOf } from '../api.js';
import { filter } from '../route.js';
import { isActive, type ListMessage, type Row, type Summary } from '../types.js';

/** How many rows are shown at first, and more with each step. */
export const STEP = 200;

export const summary = signal<Summary>({ counts: {}, total: 0, active: 0, history: [] });
export const isLoaded = signal(false);
export const refusal = signal('');
export const limit = signal(STEP);

/** Each row has a signal of its own: where one changes, one is drawn. */
const rows = new Map<string, Signal<Row>>();
/** What the filter matches, in the order of the server. */
const matching = signal<readonly string[]>([]);
/** What is drawn. Behind `matching` while it is held. */
export const keys = signal<readonly string[]>([]);
/** While somebody points at the table or moves in it, no row comes, goes or moves. */
export const isHeld = signal(false);

/** Rows that wait until the table is let go. */
export const waiting = computed(() => {
  const drawn = new Set(keys.value);
  return matching.value.filter((key) => !drawn.has(key)).length;
});

export function rowOf(key: string): Signal<Row> | undefined {
  return rows.get(key);
}

effect(() => {
  if (!isHeld.value) showAll();
});

export function showAll(): void {
  keys.value = matching.value;
  const kept = new Set(keys.value);
  for (const key of rows.keys()) if (!kept.has(key)) rows.delete(key);
}

/** Reads the list as long as it is shown: anew for another filter. */
export function readList(): () => void {
  isHeld.value = false;
  return effect(() => {
    const query = { ...filter.value, limit: String(limit.value) };
    return openStream(
      () => urlOf('list', query),
      'about',
      {
        all: (message: ListMessage) => take(message, true),
        change: (message: ListMessage) => take(message, false),
      },
      (error) => {
        refusal.value = error.message;
      },
    );
  });
}

function take({ now, summary: told, rows: changed, gone }: ListMessage, isAll: boolean): void {
  batch(() => {
    tellTime(now);
    refusal.value = '';
    isLoaded.value = true;
    summary.value = told;
    const known = new Set(isAll ? [] : matching.peek());
    for (const key of gone) known.delete(key);
    for (const row of changed) {
      known.add(row.key);
      const before = rows.get(row.key);
      if (before) before.value = row;
      else rows.set(row.key, signal(row));
    }
    const sorted = [...known].toSorted(byInterest);
    const before = matching.peek();
    if (sorted.length !== before.length || sorted.some((key, at) => key !== before[at]))
      matching.value = sorted;
    // Those of another filter are no longer what is pointed at.
    if (isAll) showAll();
  });
}

/** As the server has them: first those that have not ended. */
function byInterest(one: string, other: string): number {
  const a = rows.get(one)?.peek();
  const b = rows.get(other)?.peek();
  if (!a || !b) return 0;
  if (isActive(a.status) !== isActive(b.status)) return isActive(a.status) ? -1 : 1;
  const [first, second] = [a.endedAt ?? a.createdAt, b.endedAt ?? b.createdAt];
  return second - first || b.createdAt - a.createdAt || (one < other ? -1 : 1);
}

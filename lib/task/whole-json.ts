import { hasToJson, lossOf, toJson } from './json.js';

/** A value that JSON cannot hold, and where it is. */
export class NotJsonError extends TypeError {
  /** Outermost first; empty for the value as a whole. */
  readonly path: readonly (string | number)[];

  constructor(why: string, path: readonly (string | number)[], options?: ErrorOptions) {
    super(why, options);
    this.path = path;
  }
}

/**
 * As {@link toJson}, for what must arrive whole: values inside it are checked, too.
 *
 * @throws NotJsonError naming the place of the first value that JSON cannot hold
 */
export function toWholeJson(value: unknown): string {
  let json: string;
  try {
    json = toJson(value);
  } catch (cause) {
    if (isTooDeep(cause)) throw new NotJsonError('nested too deeply', [], { cause });
    throw lossIn(value, true) ?? unreadable(cause);
  }
  const loss = typeof value === 'object' && value !== null ? lossIn(value) : undefined;
  if (loss) throw loss;
  return json;
}

/** A getter or a `toJSON()` may throw. What it says stands in the cause alone: it may be no message for everybody. */
function unreadable(cause: unknown): NotJsonError {
  return new NotJsonError('JSON cannot hold what throws when it is read', [], { cause });
}

function lossIn(value: unknown, mayBeCyclic = false): NotJsonError | undefined {
  try {
    return findLoss(value, mayBeCyclic);
  } catch (cause) {
    return unreadable(cause);
  }
}

/** A value inside another one, with the way to it. */
interface Place {
  readonly value: unknown;
  readonly key: string | number;
  readonly above: Place | undefined;
}

/**
 * Goes through a value as JSON does, without recursion.
 *
 * @param mayBeCyclic whether it holds itself, perhaps: what was written is no cycle
 */
function findLoss(value: unknown, mayBeCyclic: boolean): NotJsonError | undefined {
  const places: Place[] = [{ value, key: '', above: undefined }];
  for (const place of places) {
    const lost = mayBeCyclic && isAbove(place) ? 'a cycle' : lossOf(place.value);
    if (lost !== undefined) return new NotJsonError(`JSON cannot hold ${lost}`, pathOf(place));
    const held = place.value;
    if (typeof held !== 'object' || held === null || hasToJson(held) || ArrayBuffer.isView(held)) continue;
    if (Array.isArray(held)) {
      for (let index = 0; index < held.length; index++) visit(places, held[index], index, place);
    } else {
      for (const key of Object.keys(held)) {
        visit(places, (held as Record<string, unknown>)[key], key, place);
      }
    }
  }
  return undefined;
}

/** What can hold nothing that is lost needs no place. */
function visit(places: Place[], value: unknown, key: string | number, above: Place): void {
  const type = typeof value;
  if (type === 'string' || type === 'boolean' || value === undefined || value === null) return;
  if (type === 'number' && Number.isFinite(value)) return;
  places.push({ value, key, above });
}

function isAbove({ value, above }: Place): boolean {
  if (typeof value !== 'object') return false;
  for (let place = above; place; place = place.above) if (place.value === value) return true;
  return false;
}

function pathOf(place: Place): (string | number)[] {
  const path: (string | number)[] = [];
  for (let at = place; at.above; at = at.above) path.unshift(at.key);
  return path;
}

/** It is written by recursion. */
function isTooDeep(error: unknown): boolean {
  return (error as Partial<Error> | undefined)?.name === 'RangeError';
}

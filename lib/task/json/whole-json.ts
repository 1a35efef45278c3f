import { types } from 'node:util';
import { isInstance, isTooDeep } from '../../cancellation/read-error.js';
import { escapeLineSeparators, hasToJson, isInvalidDate, lossOfWritten } from './json.js';

type Path = readonly (string | number)[];

/** A value that JSON cannot hold, and where it is. */
export class NotJsonError extends TypeError {
  /** Outermost first; empty for the value as a whole. */
  readonly path: Path;

  constructor(why: string, path: Path, options?: ErrorOptions) {
    super(why, options);
    this.path = path;
  }

  /** What is wrong, and where. */
  get description(): string {
    return this.path.length > 0 ? `${this.message} at "${this.path.join('.')}"` : this.message;
  }
}

/** As `toJson`, for what must arrive whole: values inside it are checked, too. The NotJsonError names the place. */
export function toWholeJson(value: unknown): string {
  if (value === undefined) return 'null';
  try {
    // A replacer takes several times as long as JSON alone.
    const json = isPlain(value) ? JSON.stringify(value) : writeChecked(value);
    return escapeLineSeparators(json);
  } catch (cause) {
    if (isInstance(cause, NotJsonError)) throw cause;
    if (isTooDeep(cause)) throw new NotJsonError('nested too deeply', [], { cause });
    throw findFault(value) ?? unreadable(cause, []);
  }
}

/** So many objects and arrays are looked at. There are more where one holds itself. */
const MOST_PLAIN = 100_000;

/** Whether a value is only made of what JSON holds as it is, with no code that would run when it is read. */
function isPlain(value: unknown): boolean {
  if (isPlainLeaf(value)) return true;
  const pending: unknown[] = [value];
  for (let looked = 0; pending.length > 0; looked++) {
    const held = pending.pop();
    if (typeof held !== 'object' || held === null || looked > MOST_PLAIN) return false;
    if (types.isProxy(held) || 'toJSON' in held) return false;
    if (Array.isArray(held)) {
      // By index: a subclass may have an iterator of another kind.
      for (let index = 0; index < held.length; index++)
        if (!isPlainLeaf(held[index])) pending.push(held[index]);
      continue;
    }
    const prototype: unknown = Object.getPrototypeOf(held);
    if (prototype !== Object.prototype && prototype !== null) return false;
    for (const key of Object.keys(held)) {
      const property = Object.getOwnPropertyDescriptor(held, key);
      if (!property || property.get || property.set) return false;
      if (!isPlainLeaf(property.value)) pending.push(property.value);
    }
  }
  return true;
}

function isPlainLeaf(value: unknown): boolean {
  const type = typeof value;
  if (type === 'number') return Number.isFinite(value);
  return type === 'string' || type === 'boolean' || value === undefined || value === null;
}

interface Open {
  readonly value: unknown;
  readonly key: string | number;
}

/** Writes a value and looks at each part of it as it is written, so that everything is read once. */
function writeChecked(value: unknown): string {
  const open: Open[] = [];
  const check = function (this: object, name: string, written: unknown): unknown {
    if (written !== undefined && written !== null && isPlainLeaf(written)) return written;
    while (open.length > 0 && open.at(-1)?.value !== this) open.pop();
    const key = Array.isArray(this) ? Number(name) : name;
    const path = (): Path => [...open, { key }].slice(1).map((each) => each.key);
    let lost: string | undefined;
    try {
      lost = isPlainLeaf(written) ? lossOfReplaced(this, name, written) : lossOfWritten(written);
    } catch (cause) {
      throw unreadable(cause, path());
    }
    if (lost !== undefined) throw new NotJsonError(`JSON cannot hold ${lost}`, path());
    if (typeof written === 'object' && written !== null) open.push({ value: written, key });
    return written;
  };
  return JSON.stringify(value, check);
}

/** What a `toJSON()` has made nothing of. */
function lossOfReplaced(holder: object, name: string, written: unknown): string | undefined {
  const given: unknown = Object.getOwnPropertyDescriptor(holder, name)?.value;
  if (written === null) return isInvalidDate(given) ? 'an invalid Date' : undefined;
  return given === undefined ? undefined : 'what its toJSON() gives';
}

/** A getter or a `toJSON()` may throw. What it says stands in the cause alone: it may be no message for everybody. */
function unreadable(cause: unknown, path: Path): NotJsonError {
  return new NotJsonError('JSON cannot hold what throws when it is read', path, { cause });
}

/** A value inside another one, with the way to it. */
interface Place {
  readonly holder: object;
  readonly key: string | number;
  readonly above: Place | undefined;
  value?: unknown;
}

/** So many places are looked at for what threw: what is read may be made anew each time. */
const MOST_PLACES = 1_000_000;

/** Finds what has thrown while a value was written: reads it as JSON does, without recursion. */
function findFault(root: unknown): NotJsonError | undefined {
  const places: Place[] = [{ holder: { '': root }, key: '', above: undefined }];
  for (const place of places) {
    try {
      const value = (place.value = readAsJson(place));
      if (typeof value !== 'object' || value === null || types.isTypedArray(value)) continue;
      if (isAbove(place)) return new NotJsonError('JSON cannot hold a cycle', pathOf(place));
      const keys = Array.isArray(value) ? value.keys() : Object.keys(value);
      for (const key of keys) places.push({ holder: value, key, above: place });
    } catch (cause) {
      return unreadable(cause, pathOf(place));
    }
    if (places.length > MOST_PLACES) break;
  }
  return undefined;
}

function readAsJson({ holder, key }: Place): unknown {
  const value = (holder as Record<string | number, unknown>)[key];
  if (typeof value !== 'object' || value === null || !hasToJson(value)) return value;
  return (value as { toJSON(key: string): unknown }).toJSON(String(key));
}

function isAbove({ value, above }: Place): boolean {
  for (let place = above; place; place = place.above) if (place.value === value) return true;
  return false;
}

function pathOf(place: Place): Path {
  const path: (string | number)[] = [];
  for (let at = place; at.above; at = at.above) path.unshift(at.key);
  return path;
}

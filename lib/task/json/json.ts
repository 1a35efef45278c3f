import { types } from 'node:util';

const { isDate, isTypedArray } = types;

/**
 * What JSON can hold.
 *
 * @publicApi
 */
export type Json =
  string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json | undefined };

/**
 * What may be given where JSON is written: {@link Json}, or any object, of which JSON takes the enumerable properties
 * (TypeScript finds no index signature in an interface, so `Json` alone would refuse most of them).
 *
 * @publicApi
 */
export type JsonInput = Json | object;

/**
 * Writes a value as one line of JSON, for every reader: some split lines at U+0085, U+2028 and U+2029 too, so these are
 * escaped. `undefined` becomes `null`.
 *
 * @throws TypeError for what JSON cannot hold: a cycle, a BigInt, a function, a symbol, NaN, Infinity; and for a value of
 *   which it would silently keep nothing: a Map, a Set, an Error, a Promise
 */
export function toJson(value: unknown): string {
  if (value === undefined) return 'null';
  const lost = lossOf(value);
  if (lost !== undefined) throw new TypeError(`JSON cannot hold ${lost}`);
  // The type says string, but a `toJSON()` may give nothing.
  const json = JSON.stringify(value) as string | undefined;
  if (json === undefined) throw new TypeError('JSON cannot hold what its toJSON() gives');
  return escapeLineSeparators(json);
}

/** Escapes what JSON takes for an ordinary character and some readers take for the end of a line. */
export function escapeLineSeparators(json: string): string {
  // A search for one character takes a few nanoseconds. A regular expression would look at each.
  const isPlain = !json.includes('\u0085') && !json.includes('\u2028') && !json.includes('\u2029');
  return isPlain ? json : json.replace(LINE_SEPARATORS, (char) => ESCAPES[char] as string);
}

const ESCAPES: Readonly<Record<string, string>> = {
  '\u0085': '\\u0085',
  '\u2028': '\\u2028',
  '\u2029': '\\u2029',
};
const LINE_SEPARATORS = /[\u0085\u2028\u2029]/g;

/** JSON writes the value in them. */
const BOXED: ReadonlySet<string> = new Set(['String', 'Boolean']);
/** Their contents are lost, whatever properties they have beside. */
const EMPTIED: ReadonlySet<string> = new Set(['Map', 'Set', 'WeakMap', 'WeakSet', 'Promise', 'Error']);

/** What a value is that JSON cannot hold, or keeps nothing of. Values inside it are not looked at. */
function lossOf(value: unknown): string | undefined {
  if (isInvalidDate(value)) return 'an invalid Date';
  if (typeof value === 'object' && value !== null) return hasToJson(value) ? undefined : lossOfWritten(value);
  if (typeof value === 'bigint' && hasToJson(value)) return undefined;
  return lossOfWritten(value);
}

/** The same of what JSON writes: what a `toJSON()` has given is not asked again. */
export function lossOfWritten(value: unknown): string | undefined {
  if (typeof value === 'object') return value === null ? undefined : lossOfObject(value);
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : String(value);
  if (typeof value === 'bigint') return 'a BigInt';
  return typeof value === 'function' || typeof value === 'symbol' ? `a ${typeof value}` : undefined;
}

/** JSON would write `null`, as its `toJSON()` says. */
export function isInvalidDate(value: unknown): boolean {
  return isDate(value) && Number.isNaN(value.getTime());
}

function lossOfObject(value: object): string | undefined {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null || Array.isArray(value)) return undefined;
  // By its tag, as what comes from another realm is no instance.
  const kind = Object.prototype.toString.call(value).slice('[object '.length, -1);
  if (kind === 'BigInt') return 'a BigInt';
  if (kind === 'Number') return lossOfWritten(Number(value));
  if (kind === 'Object' || BOXED.has(kind) || isTypedArray(value)) return undefined;
  if (!EMPTIED.has(kind) && Object.keys(value).length > 0) return undefined;
  return /^[AEIOU]/.test(kind) ? `an ${kind}` : `a ${kind}`;
}

/** Whether it says itself what JSON takes of it. */
export function hasToJson(value: object | bigint): boolean {
  return typeof (value as { toJSON?: unknown }).toJSON === 'function';
}

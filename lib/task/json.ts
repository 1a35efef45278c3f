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
 * @throws TypeError for what JSON cannot hold: a cycle, a BigInt, a function, a symbol, NaN, Infinity
 */
export function toJson(value: unknown): string {
  if (value === undefined) return 'null';
  if (typeof value === 'number' && !Number.isFinite(value)) throw new TypeError(`JSON cannot hold ${value}`);
  // The type says string, but a function or a symbol gives undefined.
  const json = JSON.stringify(value) as string | undefined;
  if (json === undefined) throw new TypeError(`JSON cannot hold a ${typeof value}`);
  return escapeLineSeparators(json);
}

/** Escapes what JSON takes for an ordinary character and some readers take for the end of a line. */
export function escapeLineSeparators(json: string): string {
  // A search for one character takes a few nanoseconds. A regular expression would look at each.
  const isPlain = !json.includes('\u0085') && !json.includes('\u2028') && !json.includes('\u2029');
  return isPlain ? json : json.replace(lineSeparators, (char) => escapes[char] as string);
}

const escapes: Readonly<Record<string, string>> = {
  '\u0085': '\\u0085',
  '\u2028': '\\u2028',
  '\u2029': '\\u2029',
};
const lineSeparators = /[\u0085\u2028\u2029]/g;

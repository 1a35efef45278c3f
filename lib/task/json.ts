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
 * Writes a value as one line of JSON. `undefined` becomes `null`.
 *
 * @throws TypeError for what JSON cannot hold: a cycle, a BigInt, a function, a symbol, NaN, Infinity
 */
export function toJson(value: unknown): string {
  if (value === undefined) return 'null';
  if (typeof value === 'number' && !Number.isFinite(value)) throw new TypeError(`JSON cannot hold ${value}`);
  // The type says string, but a function or a symbol gives undefined.
  const json = JSON.stringify(value) as string | undefined;
  if (json === undefined) throw new TypeError(`JSON cannot hold a ${typeof value}`);
  return json;
}

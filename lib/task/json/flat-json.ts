import { types } from 'node:util';

/** Larger objects are no faster to copy than to write and to read. */
const MAX_KEYS = 64;

/**
 * Whether JSON gives back just what a value is: a text, a number, `true`, `false` or `null`, or an object of its own that
 * holds nothing else. No code runs when it is read. Everything else is not flat, even if JSON can hold it.
 */
export function isFlat(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return isLeaf(value);
  if (types.isProxy(value) || Object.getPrototypeOf(value) !== Object.prototype || 'toJSON' in value)
    return false;
  const keys = Reflect.ownKeys(value);
  return keys.length <= MAX_KEYS && keys.every((key) => holdsLeaf(value, key));
}

export function copyFlat(value: unknown): unknown {
  return typeof value === 'object' && value !== null ? { ...value } : value;
}

function holdsLeaf(holder: object, key: string | symbol): boolean {
  if (typeof key === 'symbol') return false;
  const property = Object.getOwnPropertyDescriptor(holder, key);
  return (
    property !== undefined && 'value' in property && property.enumerable === true && isLeaf(property.value)
  );
}

function isLeaf(value: unknown): boolean {
  // JSON has no sign of zero.
  if (typeof value === 'number') return Number.isFinite(value) && !Object.is(value, -0);
  return typeof value === 'string' || typeof value === 'boolean' || value === null;
}

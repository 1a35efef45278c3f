import { readProperty } from './abort-error.js';

export { readProperty };

/** As text, whatever it is. */
export function textOf(value: unknown): string {
  try {
    return String(value);
  } catch {
    return 'something that has no text';
  }
}

/** `instanceof` that never throws: a proxy may, when it is asked for its prototype. */
export function isInstance<T>(value: unknown, type: abstract new (...args: never[]) => T): value is T {
  try {
    return value instanceof type;
  } catch {
    return false;
  }
}

/**
 * The first errors of a list, as an array of this package's own. The list may be anything: a revoked proxy, one whose
 * elements throw. An element that cannot be read is `undefined`.
 *
 * @param most how many are read
 * @returns `undefined` for what is no array, or has no length that can be read
 */
export function readList(value: unknown, most: number): readonly unknown[] | undefined {
  try {
    if (!Array.isArray(value)) return undefined;
    const length: unknown = value.length;
    if (typeof length !== 'number') return undefined;
    return Array.from({ length: Math.min(length, most) }, (_, index) => readProperty(value, String(index)));
  } catch {
    return undefined;
  }
}

/**
 * Whether an error is a group of others: an `AggregateError`, a class that extends it, or one that is named like it and has
 * `errors` (those of another realm are no instances).
 */
export function isAggregate(error: unknown): boolean {
  if (isInstance(error, AggregateError)) return true;
  const isNamed = textOf(readProperty(error, 'name')).endsWith('AggregateError');
  return isNamed && readList(readProperty(error, 'errors'), 0) !== undefined;
}

/** The first errors that an `AggregateError` or a `SuppressedError` holds; `undefined` for any other error. */
export function readHeld(error: unknown, most: number): readonly unknown[] | undefined {
  if (readProperty(error, 'name') === 'SuppressedError') {
    return [readProperty(error, 'error'), readProperty(error, 'suppressed')];
  }
  return isAggregate(error) ? (readList(readProperty(error, 'errors'), most) ?? []) : undefined;
}

/** A value in the message of an error: the beginning of a text, and of anything else what it is called. */
export function quoted(value: unknown, most = 80): string {
  return typeof value === 'string' ? JSON.stringify(value.slice(0, most)) : textOf(value);
}

/** Whether an error says that something was too deep for the stack: what is recursive, and goes through what somebody sent. */
export function isTooDeep(error: unknown): boolean {
  const isRange = readProperty(error, 'name') === 'RangeError';
  return isRange && /call stack/.test(textOf(readProperty(error, 'message')));
}

/** The beginning of a text, at most so many UTF-16 units. It is not cut inside a character. */
export function cutText(text: string, most: number): string {
  if (text.length <= most) return text;
  return text.slice(0, isFirstHalf(text.charCodeAt(most - 1)) ? most - 1 : most);
}

/** Of the two units of a character that takes two. */
function isFirstHalf(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

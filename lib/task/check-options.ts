import leven from 'leven';
import { InvalidOptionsError } from './errors/invalid-options.error.js';

/** Says what a value must be, when it is not that. */
export type Check = (value: unknown) => string | undefined;

/** The options of one object: each with its check, or with the options of the object it holds. */
interface OptionChecks {
  readonly [option: string]: Check | OptionChecks;
}

/**
 * Checks an object of options against what each must be. `undefined` is always "not given".
 *
 * @param where how the user wrote it, for the message: `StreamingModule.forRoot()`
 * @throws InvalidOptionsError naming the first option that is unknown or wrong
 */
export function checkOptions(where: string, options: unknown, checks: OptionChecks, path = ''): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    const what = path === '' ? 'options' : `option "${path}"`;
    throw new InvalidOptionsError(`Wrong ${what} in ${where}: expected an object, got ${show(options)}`);
  }
  for (const [name, value] of Object.entries(options)) {
    const full = path === '' ? name : `${path}.${name}`;
    const check = Object.hasOwn(checks, name) ? checks[name] : undefined;
    if (check === undefined) throw unknown(where, name, full, Object.keys(checks));
    if (value === undefined) continue;
    if (typeof check !== 'function') {
      checkOptions(where, value, check, full);
      continue;
    }
    const expected = check(value);
    if (expected !== undefined) {
      throw new InvalidOptionsError(
        `Wrong option "${full}" in ${where}: expected ${expected}, got ${show(value)}`,
      );
    }
  }
}

function unknown(where: string, name: string, full: string, known: readonly string[]): InvalidOptionsError {
  const [nearest] = known
    .map((candidate) => ({ candidate, distance: leven(name.toLowerCase(), candidate.toLowerCase()) }))
    .toSorted((a, b) => a.distance - b.distance);
  const hint =
    nearest && nearest.distance <= Math.max(2, name.length / 3)
      ? `did you mean "${nearest.candidate}"?`
      : `known are ${known.join(', ')}`;
  return new InvalidOptionsError(`Unknown option "${full}" in ${where}; ${hint}`);
}

function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'function') return 'a function';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}

const isTime = (value: unknown): value is number =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0;

/** A time that must end. */
export const duration: Check = (value) => (isTime(value) ? undefined : 'a number of milliseconds, 0 or more');

/** A time limit: `null` or `Infinity` for none. */
export const limit: Check = (value) =>
  value === null || value === Infinity || isTime(value)
    ? undefined
    : 'a number of milliseconds, 0 or more, or null for no limit';

export const integer =
  (least: number, most = Number.MAX_SAFE_INTEGER): Check =>
  (value) =>
    Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most
      ? undefined
      : most === Number.MAX_SAFE_INTEGER
        ? `a whole number, ${least} or more`
        : `a whole number from ${least} to ${most}`;

export const countOrInfinity =
  (least: number): Check =>
  (value) =>
    value === Infinity || integer(least)(value) === undefined
      ? undefined
      : `a whole number, ${least} or more, or Infinity`;

export const boolean: Check = (value) => (typeof value === 'boolean' ? undefined : 'true or false');

export const oneOf =
  (...values: readonly string[]): Check =>
  (value) =>
    values.includes(value as string) ? undefined : values.map((v) => `"${v}"`).join(' or ');

/** Checked elsewhere. */
export const anything: Check = () => undefined;

export const func: Check = (value) => (typeof value === 'function' ? undefined : 'a function');

export const classRef: Check = (value) => (typeof value === 'function' ? undefined : 'a class');

export const object: Check = (value) =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? undefined : 'an object';

export const array: Check = (value) => (Array.isArray(value) ? undefined : 'an array');

export const texts: Check = (value) =>
  Array.isArray(value) && value.every((item) => typeof item === 'string') ? undefined : 'an array of text';

export const functions: Check = (value) =>
  Array.isArray(value) && value.every((item) => typeof item === 'function')
    ? undefined
    : 'an array of functions';

export const classesOrObjects: Check = (value) =>
  Array.isArray(value) &&
  value.every((item) => typeof item === 'function' || (typeof item === 'object' && item !== null))
    ? undefined
    : 'an array of classes or instances';

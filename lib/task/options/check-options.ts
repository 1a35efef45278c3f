import leven from 'leven';
import { InvalidOptionsError } from '../errors.js';

/** Says what a value must be, when it is not that. */
export type Check = (value: unknown) => string | undefined;

/** The options of one object: each with its check, or with the options of the object it holds. */
interface OptionChecks {
  readonly [option: string]: Check | OptionChecks;
}

/**
 * Checks an object of options, and throws InvalidOptionsError naming the first that is unknown or wrong. `undefined` is always
 * "not given". `where` is how the user wrote it: `StreamingModule.forRoot()`.
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

/** A value that is wrong, for a message. */
export function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'function') return 'a function';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}

export function mustBe(expected: string, test: (value: unknown) => boolean): Check {
  return (value) => (test(value) ? undefined : expected);
}

const isTime = (value: unknown): boolean => typeof value === 'number' && Number.isFinite(value) && value >= 0;
const isFunction = (value: unknown): boolean => typeof value === 'function';
const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null;
const isListOf =
  (test: (item: unknown) => boolean) =>
  (value: unknown): boolean =>
    Array.isArray(value) && value.every(test);

/** A time that must end. */
export const duration = mustBe('a number of milliseconds, 0 or more', isTime);

/** A time limit: `null` or `Infinity` for none. */
export const limit = mustBe(
  'a number of milliseconds, 0 or more, or null for no limit',
  (value) => value === null || value === Infinity || isTime(value),
);

export const integer = (least: number, most = Number.MAX_SAFE_INTEGER): Check =>
  mustBe(
    most === Number.MAX_SAFE_INTEGER
      ? `a whole number, ${least} or more`
      : `a whole number from ${least} to ${most}`,
    (value) => Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most,
  );

export const countOrInfinity = (least: number): Check =>
  mustBe(
    `a whole number, ${least} or more, or Infinity`,
    (value) => value === Infinity || integer(least)(value) === undefined,
  );

export const oneOf = (...values: readonly string[]): Check =>
  mustBe(values.map((value) => `"${value}"`).join(' or '), (value) => values.includes(value as string));

/** Checked elsewhere. */
export const anything: Check = () => undefined;

export const boolean = mustBe('true or false', (value) => typeof value === 'boolean');
export const func = mustBe('a function', isFunction);
export const classRef = mustBe('a class', isFunction);
export const object = mustBe('an object', (value) => isObject(value) && !Array.isArray(value));
export const array = mustBe('an array', Array.isArray);
export const texts = mustBe(
  'an array of text',
  isListOf((item) => typeof item === 'string'),
);
export const functions = mustBe('an array of functions', isListOf(isFunction));
export const classesOrObjects = mustBe(
  'an array of classes or instances',
  isListOf((item) => isFunction(item) || isObject(item)),
);

import type { Json } from './json.js';

/** What JSON holds as it is. */
type PlainJson =
  string | number | boolean | null | readonly PlainJson[] | { readonly [key: string]: PlainJson };

type Callable = ((...args: never[]) => unknown) | (abstract new (...args: never[]) => unknown);

/** JSON leaves it out of an object, and writes `null` for it in an array. */
type LeftOut = Callable | symbol | undefined | void;

/** JSON keeps nothing of these. */
type Emptied = ReadonlyMap<unknown, unknown> | ReadonlySet<unknown> | PromiseLike<unknown>;

/**
 * What a value is once it was written as JSON and read again: a `Date` is a `string`, methods are gone, and what may be
 * `undefined` may be missing.
 *
 * @publicApi
 */
export type AsJson<T> = [Json] extends [T] ? T : [T] extends [PlainJson] ? T : Written<T>;

/** Of each member of a union. */
type Written<T> = T extends PlainJson
  ? T
  : T extends LeftOut
    ? null
    : T extends bigint
      ? never
      : T extends { toJSON(...args: never[]): infer Given }
        ? AsJson<Given>
        : T extends Emptied
          ? Record<string, never>
          : T extends ArrayBufferView
            ? Record<string, number>
            : T extends readonly unknown[]
              ? WrittenList<T>
              : WrittenObject<T>;

/** A list may hold itself, so the type of what is in it is looked at later. A tuple keeps its places. */
type WrittenList<T extends readonly unknown[]> = number extends T['length']
  ? T extends unknown[]
    ? AsJson<T[number]>[]
    : readonly AsJson<T[number]>[]
  : { [Index in keyof T]: AsJson<T[Index]> };

type WrittenObject<T> = {
  [Key in keyof T as KeyOf<T, Key, 'always'>]: AsJson<T[Key]>;
} & {
  [Key in keyof T as KeyOf<T, Key, 'maybe'>]?: AsJson<Exclude<T[Key], LeftOut>> | undefined;
} extends infer Both
  ? // As one object, for who reads the type.
    { [Key in keyof Both]: Both[Key] }
  : never;

/** The key of a property that is always there, or only may be there; `never` for any other. */
type KeyOf<T, Key extends keyof T, When extends 'always' | 'maybe'> = Key extends symbol
  ? never
  : [Json] extends [T[Key]]
    ? Is<When, 'always', Key>
    : [Exclude<T[Key], LeftOut>] extends [never]
      ? never
      : [Extract<T[Key], LeftOut>] extends [never]
        ? Is<When, 'always', Key>
        : Is<When, 'maybe', Key>;

type Is<When, Wanted, Key> = When extends Wanted ? Key : never;

/** Whether two types are one and the same, `any` and `unknown` told apart. */
export type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** Compiles only for `true`. */
export type Expect<T extends true> = T;

/** The type of a value, to be compared: `typed(task.result)<Promise<string>>(true)`. */
export declare function typed<A>(value: A): <B>(same: Equal<A, B>) => void;

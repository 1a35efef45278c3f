/** Given at once by an engine that has it here, as a promise by one that has to ask. */
export type Soon<T> = T | Promise<T>;

/** Goes on with a value: in this call where it is here. A promise costs a request more than the rest of it. */
export function whenHere<T, Result>(value: Soon<T>, goOn: (value: T) => Soon<Result>): Soon<Result> {
  return value instanceof Promise ? value.then(goOn) : goOn(value);
}

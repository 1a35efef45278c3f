/** What an iterator gives for each `next()`. */
export type Step = IteratorResult<unknown, unknown>;

/** @throws TypeError for what is no object, as `for await` does */
export function assertStep(value: unknown): Step {
  if (isStep(value)) return value;
  throw new TypeError(
    `The iterator that the handler returned gave ${String(value)} where a result with value and done was expected`,
  );
}

export function isStep(value: unknown): value is Step {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

import { types } from 'node:util';
import { InvalidOptionsError } from '../../task/errors.js';

/** What a function among the options gives for a request: a text, or nothing. Anything else, a promise too, is refused. */
export function textOfOption(
  option: string,
  where: string,
  give: ((request: never) => unknown) | undefined,
  request: object,
): string | undefined {
  const given = (give as ((request: object) => unknown) | undefined)?.(request) ?? undefined;
  if (given === undefined || typeof given === 'string') return given;
  const isPromise = types.isPromise(given);
  // It is refused in any case: its own rejection must not end the process.
  if (isPromise) given.catch(() => {});
  throw new InvalidOptionsError(
    `Wrong option "${option}" in ${where}: expected it to give a string or undefined at once, it gave ${isPromise ? 'a promise' : `a value of type ${typeof given}`}`,
  );
}

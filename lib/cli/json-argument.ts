import { text } from 'node:stream/consumers';
import { UsageError } from './errors.js';

/**
 * Reads what stands as JSON on the command line.
 *
 * @param argument `-` for the standard input, `undefined` for none
 * @throws UsageError
 */
export async function jsonOf(what: string, argument: string | undefined): Promise<unknown> {
  if (argument === undefined) return undefined;
  const json = argument === '-' ? await text(process.stdin) : argument;
  try {
    return JSON.parse(json) as unknown;
  } catch (error) {
    const from = argument === '-' ? 'the standard input' : argument;
    throw new UsageError(`${what} is no JSON (${from}): ${(error as Error).message}`);
  }
}

import { InvalidEventError } from '../task/errors/invalid-event.error.js';
import { toJson } from '../task/json.js';
import { assertSignalName } from '../task/task-event.js';
import type { TaskRun } from '../run/task-run.js';

/**
 * Sends input to a run.
 *
 * @returns `false` when it is over
 * @throws InvalidEventError for a malformed name or data JSON cannot hold; TooManySignalsError
 */
export function signalRun(run: TaskRun, name: string, data: unknown): boolean {
  assertSignalName(name);
  if (run.decided) return false;
  run.inbox.send(name, encode(name, data));
  return true;
}

function encode(name: string, data: unknown): string {
  try {
    return toJson(data);
  } catch (cause) {
    throw new InvalidEventError(`The data of signal "${name}" is nothing JSON can hold`, { cause });
  }
}

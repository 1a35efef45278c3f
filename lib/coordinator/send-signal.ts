import type { Soon } from '../engine/soon.js';
import type { TaskView } from '../engine/task-view.js';
import { InvalidEventError } from '../task/errors.js';
import { toJson } from '../task/json.js';
import { assertSignalName } from '../task/task-event.js';
import { isTerminal } from '../task/task-status.js';

/** As `CoordinatorService.signal()`. */
export function sendSignal(view: TaskView, name: string, data: unknown): Soon<boolean> {
  assertSignalName(name);
  if (isTerminal(view.status)) return false;
  return view.signal(name, encode(name, data));
}

function encode(name: string, data: unknown): string {
  try {
    return toJson(data);
  } catch (cause) {
    throw new InvalidEventError(`The data of signal "${name}" is nothing JSON can hold`, { cause });
  }
}

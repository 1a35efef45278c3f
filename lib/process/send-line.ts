import { InvalidEventError } from '../task/errors/invalid-event.error.js';
import type { TaskContext } from '../task/task-context.js';
import { cutBefore } from './line-splitter.js';

/**
 * Sends a line as an event. The task's `maxEventBytes` counts the bytes of the JSON, where a character takes up to six. A
 * line that is too long for one event is sent in pieces that fit.
 *
 * @throws InvalidEventError when not even one character fits
 */
export async function sendLine(task: TaskContext, type: 'stdout' | 'stderr', line: string): Promise<void> {
  try {
    await task.sendEvent(type, line);
  } catch (error) {
    const middle = cutBefore(line, Math.ceil(line.length / 2));
    if (!(error instanceof InvalidEventError) || middle === 0 || middle === line.length) throw error;
    await sendLine(task, type, line.slice(0, middle));
    await sendLine(task, type, line.slice(middle));
  }
}

import { existsSync } from 'node:fs';
import { cutText } from '../cancellation/read-error.js';
import type { CancelScope } from '../cancellation/scope/cancel-scope.js';
import { endWithScope, runIn } from '../cancellation/scope/run-external.js';
import { InvalidEventError, InvalidOptionsError } from '../task/errors.js';
import { TaskContext } from '../task/task-context.js';
import { ProcessGroup } from './process-group.js';
import { ProcessNotStartedError } from './errors.js';
import { ProcessRun } from './process-run.js';
import {
  checkProcessOptions,
  type ProcessOptions,
  type ProcessOutput,
  type ProcessResult,
} from './process.options.js';

/**
 * Runs a program to its end, in a process group of its own. When the scope is cancelled, the whole group gets SIGTERM,
 * and SIGKILL after `killDelay`; the call returns when none of it is left. The same is done with what a program leaves
 * behind in its group when it ends by itself, and, as far as that is possible, when this process exits.
 *
 * There is no shell in between: the arguments reach the program as they are. A daemon that is to outlive the call must
 * leave the group (`setsid`). Because of its own group, Ctrl+C at a terminal does not reach it: that is for the
 * application's shutdown, which cancels the task. Its standard output is read to the end, also when something it
 * started in the background holds that open.
 *
 * On Windows, which has neither process groups nor SIGTERM, cancelling ends the program itself, at once, and not what
 * it has started.
 *
 * @param scope the task, or a scope inside it
 * @param command a program, looked up on the `PATH`, or its path
 * @param args its arguments
 * @param options see {@link ProcessOptions}; `output` says where its output goes, by default to the task's watchers
 * @returns its exit code, and its output when that was to be collected
 * @throws the scope's `signal.reason` after a cancel, however the program ended; ProcessFailedError when it ended with
 *   a code that is not in `exitCodes`, or by a signal; ProcessNotStartedError when it could not be started; what a
 *   listener or the input stream failed with, after which the program is ended; InvalidOptionsError
 * @see https://nodejs.org/api/child_process.html#optionsdetached
 * @example
 * await task.timeout(60_000, (scope) =>
 *   runProcess(scope, 'ffmpeg', ['-i', from, to], {
 *     output: (line) => task.progress({ message: line }),
 *   }),
 * );
 * @publicApi
 */
export function runProcess(
  scope: CancelScope,
  command: string,
  args: readonly string[] = [],
  options: ProcessOptions = {},
): Promise<ProcessResult> {
  return runIn(scope, async () => {
    checkProcessOptions(options);
    scope.throwIfCancelled();
    const { cwd, env, input } = options;
    const output = options.output === 'events' || !options.output ? outputOf(scope, options) : options.output;
    const stdin = input === undefined ? 'ignore' : 'pipe';
    let group: ProcessGroup;
    try {
      group = new ProcessGroup(command, args, { cwd, env, stdio: [stdin, 'pipe', 'pipe'] });
    } catch (error) {
      throw notStarted(command, cwd, error);
    }
    if (!group.started) throw notStarted(command, cwd, await group.exited.catch((error: unknown) => error));
    return endWithScope(scope, new ProcessRun(group, { command, ...options, output }));
  });
}

/** Where the output goes when it goes to the watchers, or when nothing was said. */
function outputOf(scope: CancelScope, { output }: ProcessOptions): Exclude<ProcessOutput, 'events'> {
  const task = scope instanceof TaskContext ? (scope as TaskContext) : TaskContext.current();
  if (task) return (line, stream) => sendLine(task, stream, line);
  if (output === undefined) return 'ignore';
  throw new InvalidOptionsError(
    'Wrong option "output" in runProcess(): "events" needs a running task to send them',
  );
}

/** Sends a line as an event. JSON takes up to six bytes a character: a line over `maxEventBytes` goes in pieces that fit. */
async function sendLine(task: TaskContext, type: 'stdout' | 'stderr', line: string): Promise<void> {
  try {
    await task.sendEvent(type, line);
  } catch (error) {
    const half = cutText(line, Math.ceil(line.length / 2));
    if (!(error instanceof InvalidEventError) || half === '' || half === line) throw error;
    await sendLine(task, type, half);
    await sendLine(task, type, line.slice(half.length));
  }
}

function notStarted(command: string, cwd: string | URL | undefined, cause: unknown): ProcessNotStartedError {
  const { code, message } = cause as NodeJS.ErrnoException;
  const why = (): string => {
    // The system reports both in the same way.
    if (cwd !== undefined && !existsSync(cwd)) return `its working directory "${String(cwd)}" does not exist`;
    if (code === 'ENOENT') return `there is no such program${/[/\\]/.test(command) ? '' : ' on the PATH'}`;
    if (code === 'EACCES') return 'it is no program that may be executed';
    return message;
  };
  return new ProcessNotStartedError(command, why(), cause);
}

/**
 * `nestjs-streaming/process`: child processes that end with the scope they are run in.
 *
 * @packageDocumentation
 */
export { ProcessFailedError, ProcessNotStartedError } from './errors.js';
export type { OutputListener, ProcessOptions, ProcessOutput, ProcessResult } from './process.options.js';
export { runProcess } from './run-process.js';

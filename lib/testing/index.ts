/**
 * `nestjs-streaming/testing`: runs one task type in a unit test, on a clock that the test moves.
 *
 * @packageDocumentation
 */
export { HarnessHangError } from './hang.error.js';
export { HarnessRun } from './harness-run.js';
export { type HarnessOptions, type HarnessStartOptions, TaskHarness, taskHarness } from './task-harness.js';

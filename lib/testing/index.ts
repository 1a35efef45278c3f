export { HarnessRun, type HarnessOptions, TaskHarness, taskHarness } from './task-harness.js';

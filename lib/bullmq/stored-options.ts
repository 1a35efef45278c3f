import type { RunOptions } from '../engine/new-task.js';
import { toJson } from '../task/json/json.js';

/** What a task was started with, as every instance can read it, besides its input, its owner and its metadata. */
export interface StoredOptions {
  readonly timeout: number | null;
  readonly grace: number;
  readonly priority: number;
}

export function optionsJson({ timeout, grace, priority = 0 }: RunOptions): string {
  // JSON has no Infinity.
  return toJson({ timeout: timeout === Infinity ? null : timeout, grace, priority });
}

export function storedOptions(json: string): StoredOptions {
  return JSON.parse(json) as StoredOptions;
}

import type { JsonInput } from './json/json.js';
import type { LifecycleEventType } from './task-event.js';
import type { Progress } from './task-snapshot.js';

/**
 * The events of a handler that does not say which ones it sends.
 *
 * @publicApi
 */
export interface AnyEvents {
  readonly [type: string]: JsonInput;
}

/** The types that a handler may send. What it declares and the coordinator sends is none of them. */
export type EventTypeOf<Events extends object> = Exclude<
  keyof Events & string,
  LifecycleEventType | 'open' | 'error'
>;

/** The data that goes with a type: it may be left out where it may be `null`. */
export type EventData<Data> = null extends Data
  ? [data?: Data]
  : undefined extends Data
    ? [data?: Data]
    : [data: Data];

/** What `progress()` takes. A handler may say what its progress is, too; a number stands for `{ percent }`. */
export type ProgressOf<Events extends object> = Events extends { progress: infer Declared extends object }
  ? string extends keyof Events
    ? number | Progress
    : Declared | ({ percent: number } extends Declared ? number : never)
  : number | Progress;

import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { AnyEvents } from './handler-events.js';
import type { AsJson } from './json/as-json.js';
import type { ClassOf } from './options/task-options.js';
import type { TaskContext } from './task-context.js';
import type { InputOf, ResultOf } from './task-handler.interface.js';

/** A class decorated with `@StreamTask()`, whatever its constructor takes. */
interface TaskClass {
  readonly prototype: { process(task: never): unknown };
}

/**
 * What stands for one task type in a {@link TaskMap}: its class, or with it what the class alone does not tell.
 *
 * @publicApi
 */
export type TaskMapEntry =
  | TaskClass
  | {
      readonly task: TaskClass;
      /** The schema of the input (`typeof schema`), where a client sends another type than the handler gets; or that type. */
      readonly input?: unknown;
      /** The type of the state that the server folds the events to. */
      readonly state?: unknown;
    };

/**
 * The task types of an application as its clients see them: by `app`, then by `name`, the `input` that is sent, and the
 * `result` and `events` that come, all as JSON holds them: a `Date` is a `string`. It has types alone: a client imports the
 * declarations of the server with `import type`.
 *
 * Events that a handler does not declare (`TaskContext<Input, Events>`) reach the client, too, but have no type there.
 *
 * @example
 * export type Tasks = TaskMap<{ media: { TranscodeTask: typeof TranscodeTask } }>;
 * // in the client:
 * const streaming = createStreamingClient<Tasks>({ baseUrl: '/stream' });
 * @publicApi
 */
export type TaskMap<Apps extends Readonly<Record<string, Readonly<Record<string, TaskMapEntry>>>>> = {
  [App in keyof Apps]: { [Name in keyof Apps[App]]: Mapped<Apps[App][Name]> };
};

type Mapped<Entry> = Entry extends { readonly task: { readonly prototype: infer Task } }
  ? Sent<Task, Entry> & Kept<Entry>
  : Entry extends { readonly prototype: infer Task }
    ? Sent<Task, unknown>
    : never;

interface Sent<Task, Entry> {
  input: AsJson<Entry extends { readonly input: infer Given } ? InputSide<Given> : InputOf<Task>>;
  result: AsJson<ResultOf<Task>>;
  events: EventsOf<Task>;
}

type Kept<Entry> = Entry extends { readonly state: infer State } ? { state: AsJson<State> } : unknown;

type InputSide<Given> = Given extends StandardSchemaV1
  ? StandardSchemaV1.InferInput<Given>
  : Given extends ClassOf<infer Dto>
    ? Dto
    : Given;

type EventsOf<Task> = Task extends { process(task: TaskContext<infer _Input, infer Events>): unknown }
  ? [Events, AnyEvents] extends [AnyEvents, Events]
    ? object
    : { [Type in keyof Events & string]: AsJson<Events[Type]> }
  : object;

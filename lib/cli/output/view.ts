import type { RunEvent, RunOutcome, TaskRef, TaskSnapshot } from '../../client/index.js';

/** What the server has said to what was asked of a task. */
export interface Answer {
  /** What was done; `false` where the task was over. */
  readonly done: string | false;
  /** How the task has ended, if it has. */
  readonly status: string | undefined;
}

/** What is shown of tasks: to a person, or to a program. */
export interface View {
  /** Whether `outcome` says what the terminal event does, so that this need not be shown. */
  readonly tellsOutcomes: boolean;
  /** A task was started. */
  started(ref: TaskRef): void;
  event(event: RunEvent): void;
  /** How the task that was watched has ended. */
  outcome(ref: TaskRef, outcome: RunOutcome): void;
  snapshot(snapshot: TaskSnapshot<unknown, unknown>): void;
  list(snapshots: readonly TaskSnapshot<unknown, unknown>[]): void;
  answer(ref: TaskRef, answer: Answer): void;
  /** TypeScript, for a file. */
  code(text: string): void;
  /** Task types were declared in a file. */
  written(file: string, types: number): void;
  /** Something that was asked for meanwhile has failed. */
  problem(message: string): void;
  /** Whether somebody sees what is asked. */
  readonly isForPeople: boolean;
  /** Shows a line below everything else; `undefined` takes it away. */
  ask(question: string | undefined): void;
  /** Nothing is shown any more. */
  close(): void;
}

/** A task as it is named on the command line. */
export function pathOf({ app, name, id }: TaskRef): string {
  return `${app}/${name}/${id}`;
}

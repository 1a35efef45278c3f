import type { RunEvent, RunOutcome, TaskRef, TaskSnapshot } from '../../client/index.js';
import { plainLines } from './style.js';
import type { Answer, View } from './view.js';

/** For programs: one JSON object a line. */
export class JsonView implements View {
  readonly tellsOutcomes = false;
  readonly isForPeople = false;
  readonly #write: (text: string) => void;

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  started({ app, name, id }: TaskRef): void {
    this.#line({ app, name, id });
  }

  event({ id, type, data }: RunEvent): void {
    this.#line({ id, type, data });
  }

  /** Its terminal event has told the rest. */
  outcome({ app, name, id }: TaskRef, { status }: RunOutcome): void {
    if (status === 'gone') this.#line({ app, name, id, status });
  }

  snapshot(snapshot: TaskSnapshot<unknown, unknown>): void {
    this.#line(snapshot);
  }

  list(snapshots: readonly TaskSnapshot<unknown, unknown>[]): void {
    for (const snapshot of snapshots) this.#line(snapshot);
  }

  answer({ app, name, id }: TaskRef, { done, status }: Answer): void {
    this.#line({ app, name, id, accepted: done !== false, ...(status !== undefined && { status }) });
  }

  code(text: string): void {
    this.#write(text);
  }

  written(out: string, types: number): void {
    this.#line({ out, types });
  }

  problem(message: string): void {
    process.stderr.write(`${plainLines(message)}\n`);
  }

  ask(): void {}

  close(): void {}

  #line(value: object): void {
    // JSON leaves the controls of a terminal beyond ASCII as they are.
    const json = JSON.stringify(value).replace(/[\u007f-\u009f]/g, (control) => {
      return `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`;
    });
    this.#write(`${json}\n`);
  }
}

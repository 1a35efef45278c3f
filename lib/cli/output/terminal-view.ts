import { createLogUpdate } from 'log-update';
import type { RunEvent, RunOutcome, TaskRef, TaskSnapshot } from '../../client/index.js';
import { plain, plainLines, type Style } from './style.js';
import { type Answer, pathOf, type View } from './view.js';

/** Of the progress bar, in characters. */
const BAR = 24;

/** Of a column in which the types of events stand. */
const TYPE = 12;

interface Shown {
  readonly percent: number | undefined;
  readonly message: string;
}

/** For people: a line for each event, and a progress bar below. */
export class TerminalView implements View {
  readonly tellsOutcomes = true;
  readonly isForPeople = true;
  readonly #style: Style;
  readonly #draw: ReturnType<typeof createLogUpdate>;
  readonly #out: NodeJS.WriteStream;
  #progress: Shown | undefined;
  #question: string | undefined;

  constructor(out: NodeJS.WriteStream, style: Style) {
    this.#out = out;
    this.#style = style;
    this.#draw = createLogUpdate(out, { showCursor: true });
  }

  started(ref: TaskRef): void {
    this.#print(this.#style.of('bold', plain(pathOf(ref))));
  }

  event({ type, data }: RunEvent): void {
    const progress = type === 'progress' ? shownOf(data) : undefined;
    if (progress) {
      this.#progress = progress;
      this.#refresh();
      return;
    }
    const { snapshot } = (data ?? {}) as { snapshot?: { progress?: unknown } };
    if (type === 'gap' && snapshot?.progress) this.#progress = shownOf(snapshot.progress);
    this.#print(
      `${this.#style.status(plain(type).padEnd(TYPE))} ${this.#style.of('dim', this.#short(data))}`,
    );
  }

  outcome(ref: TaskRef, outcome: RunOutcome): void {
    this.#progress = undefined;
    this.#print(`${this.#style.status(outcome.status)}${textOf(ref, outcome)}`);
  }

  snapshot(snapshot: TaskSnapshot<unknown, unknown>): void {
    const { app, name, id, status, progress, finalValue, ...rest } = snapshot;
    this.#print(
      `${this.#style.of('bold', plain(pathOf({ app, name, id })))}  ${this.#style.status(plain(status))}`,
    );
    const facts = Object.entries({
      ...rest,
      progress,
      ...(status === 'completed' && { finalValue }),
    }).filter(([, value]) => value !== null && value !== undefined);
    for (const [fact, value] of facts) {
      const text = typeof value === 'string' ? value : JSON.stringify(value);
      this.#print(`  ${this.#style.of('dim', fact.padEnd(TYPE))} ${plain(text)}`);
    }
  }

  list(snapshots: readonly TaskSnapshot<unknown, unknown>[]): void {
    const paths = snapshots.map((snapshot) => plain(pathOf(snapshot)));
    const width = Math.max(0, ...paths.map(({ length }) => length));
    for (const [at, { status, createdAt, progress }] of snapshots.entries()) {
      const { percent, message } = shownOf(progress) ?? { percent: undefined, message: '' };
      const columns = [
        (paths[at] ?? '').padEnd(width),
        this.#style.status(plain(status).padEnd('cancelling'.length)),
        this.#style.of('dim', plain(createdAt).slice(0, 19).replace('T', ' ')),
        percent === undefined ? '    ' : `${String(Math.round(percent)).padStart(3)}%`,
        message,
      ];
      this.#print(columns.join('  ').trimEnd());
    }
    if (snapshots.length === 0) this.#print(this.#style.of('dim', 'No tasks'));
  }

  answer(ref: TaskRef, { done, status }: Answer): void {
    const end = status === undefined ? '' : this.#style.status(plain(status));
    const was = done === false ? `was over: ${end}` : end === '' ? plain(done) : `is ${end}`;
    this.#print(`${this.#style.of('bold', plain(pathOf(ref)))}  ${was}`);
  }

  code(text: string): void {
    this.#print(plainLines(text));
  }

  written(file: string, types: number): void {
    this.#print(`${this.#style.of('bold', plain(file))}  ${types} task ${types === 1 ? 'type' : 'types'}`);
  }

  problem(message: string): void {
    this.#print(this.#style.of('red', plain(message)));
  }

  ask(question: string | undefined): void {
    this.#question = question;
    this.#refresh();
  }

  close(): void {
    this.#question = undefined;
    this.#progress = undefined;
    this.#draw.clear();
    this.#draw.done();
  }

  #print(line: string): void {
    this.#draw.clear();
    this.#out.write(`${line}\n`);
    this.#refresh();
  }

  #refresh(): void {
    const lines = [
      ...(this.#progress ? [this.#bar(this.#progress)] : []),
      ...(this.#question === undefined ? [] : [this.#question]),
    ];
    if (lines.length > 0) this.#draw(lines.join('\n'));
    else this.#draw.clear();
  }

  #bar({ percent, message }: Shown): string {
    const room = this.#columns - BAR - 8;
    const text = message.length > room ? `${message.slice(0, Math.max(0, room - 1))}…` : message;
    if (percent === undefined) return text;
    const share = Math.min(Math.max(percent, 0), 100);
    const full = Math.round((share / 100) * BAR);
    const bar = `${'█'.repeat(full)}${this.#style.of('dim', '░'.repeat(BAR - full))}`;
    return `${bar} ${String(Math.round(share)).padStart(3)}%  ${text}`;
  }

  get #columns(): number {
    return this.#out.columns || 80;
  }

  #short(data: unknown): string {
    const room = this.#columns - TYPE - 2;
    const text = plain(JSON.stringify(data) ?? '');
    return text.length > room ? `${text.slice(0, room - 1)}…` : text;
  }
}

function shownOf(progress: unknown): Shown | undefined {
  if (typeof progress !== 'object' || progress === null) return undefined;
  const { percent, message } = progress as { percent?: unknown; message?: unknown };
  if (typeof percent !== 'number' && typeof message !== 'string') return undefined;
  return {
    percent: typeof percent === 'number' && Number.isFinite(percent) ? percent : undefined,
    message: typeof message === 'string' ? plain(message) : '',
  };
}

function textOf({ id }: TaskRef, outcome: RunOutcome): string {
  switch (outcome.status) {
    case 'completed':
      return outcome.value === undefined || outcome.value === null
        ? ''
        : `  ${plain(JSON.stringify(outcome.value))}`;
    case 'failed':
      return `  ${plain(outcome.message)} (${plain(outcome.errorType)})`;
    case 'cancelled':
      return `  ${plain(outcome.detail ?? outcome.reason)}`;
    case 'timeout':
      return `  ${plain(outcome.of)} timeout of ${outcome.timeout} ms`;
    case 'gone':
      return `  the server does not know "${plain(id)}"`;
  }
}

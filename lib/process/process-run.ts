import type { Readable, Writable } from 'node:stream';
import { Timer } from '../cancellation/time/timer.js';
import { feedInput } from './feed-input.js';
import { OutputReader } from './output-reader.js';
import { ProcessFailedError } from './errors.js';
import type { ProcessExit, ProcessGroup } from './process-group.js';
import type { ProcessOptions, ProcessOutput, ProcessResult } from './process.options.js';

/** How long what a process wrote before it was ended may take to be delivered, in milliseconds. */
const LAST_WORDS_TIMEOUT = 1_000;

interface RunInit extends ProcessOptions {
  readonly command: string;
  readonly output: Exclude<ProcessOutput, 'events'>;
}

/** A process that was started: feeds and reads it, and sees it to its end. */
export class ProcessRun {
  readonly #group: ProcessGroup;
  readonly #init: RunInit;
  readonly #readers: { readonly stdout: OutputReader; readonly stderr: OutputReader };
  readonly #reading: Promise<unknown>;
  /** Why it was stopped; the first one counts. */
  readonly #stops: unknown[] = [];
  #giveUp: Timer | undefined;

  constructor(group: ProcessGroup, init: RunInit) {
    this.#group = group;
    this.#init = init;
    this.#readers = { stdout: this.#read('stdout'), stderr: this.#read('stderr') };
    const { stdout, stderr } = this.#readers;
    this.#reading = Promise.all([stdout, stderr].map((reader) => reader.done.catch(this.stop)));
    if (init.input !== undefined) feedInput(init.input, group.leader.stdin as Writable, this.stop);
  }

  /** Ends the process; {@link end} rejects with this error, unless there was one before. */
  readonly stop = (error: unknown): void => {
    this.#stops.push(error);
    void this.#endReading();
  };

  /** Waits for its end and for that of all it has left in its group. */
  async end(): Promise<ProcessResult> {
    const { stdout, stderr } = this.#readers;
    const exit = await this.#group.exited;
    await this.#reading;
    await this.#endGroup();
    this.#giveUp?.clear();
    if (this.#stops.length > 0) throw this.#stops[0];
    const { exitCodes = [0] } = this.#init;
    if (exit.code === null || !exitCodes.includes(exit.code)) throw this.#failure(exit);
    return { exitCode: exit.code, stdout: stdout.text, stderr: stderr.text };
  }

  /** A process that has left the group may hold the outputs open. We do not wait for it. */
  async #endReading(): Promise<void> {
    await this.#endGroup();
    const { stdout, stderr } = this.#readers;
    this.#giveUp ??= new Timer(LAST_WORDS_TIMEOUT, () => {
      stdout.giveUp();
      stderr.giveUp();
    }).unref();
  }

  #endGroup(): Promise<void> {
    return this.#group.end(this.#init.killDelay ?? 5_000);
  }

  #read(name: 'stdout' | 'stderr'): OutputReader {
    const { output, maxOutput = 10 * 1024 * 1024 } = this.#init;
    return new OutputReader(this.#group.leader[name] as Readable, {
      ...(typeof output === 'function' && { deliver: (line) => output(line, name) }),
      ...(output === 'collect' && {
        keep: {
          bytes: maxOutput,
          exceeded: () => this.#failure({ code: null, signal: null }, `wrote more than ${maxOutput} bytes`),
        },
      }),
    });
  }

  #failure({ code: exitCode, signal }: ProcessExit, why?: string): ProcessFailedError {
    const { command } = this.#init;
    return new ProcessFailedError({ command, exitCode, signal, stderr: this.#readers.stderr.tail }, why);
  }
}

import { invalidInput } from '../../task/errors.js';
import { copyFlat, isFlat } from '../../task/json/flat-json.js';
import { NotJsonError, toWholeJson } from '../../task/json/whole-json.js';
import type { TaskType } from '../task-type.js';

/** What an engine needs of an input beside what its handler gets. */
export interface InputNeeds {
  /** Its JSON: another process may run the task. */
  readonly inputsTravel?: boolean;
  /** Its size. */
  readonly measuresInputs?: boolean;
}

/**
 * The input of a run. It is JSON, so that a task gets the same in one process and on many instances: the caller's object is
 * left alone, and no try sees what another one has made of it.
 */
export class TaskInput {
  readonly #type: TaskType;
  /** `undefined` for none. Kept only where there may be another try, or it has to travel. */
  readonly json: string | undefined;
  /** Of its JSON, in UTF-8; 0 for none. Known where somebody needs it. */
  readonly bytes: number | undefined;
  /** As it passed the schema at the start: for the first try. */
  #first: unknown;
  #isFirst = true;

  private constructor(type: TaskType, json: string | undefined, valid: unknown, bytes?: number) {
    this.#type = type;
    this.json = json;
    this.bytes = bytes;
    this.#first = valid;
  }

  /**
   * Checks an input, at once where the schema does.
   *
   * @throws InvalidInputError for what JSON cannot hold, and for what the schema refuses
   */
  static check(type: TaskType, input: unknown, needs: InputNeeds = {}): TaskInput | Promise<TaskInput> {
    const isNeeded = needs.inputsTravel === true || type.options.attempts > 1;
    // Writing JSON only to read it once costs several times as much.
    const isCopied = !isNeeded && isFlat(input);
    const json = isCopied || input === undefined ? undefined : encode(type, input);
    const valid = type.validate(isCopied ? copyFlat(input) : parse(json));
    const kept = isNeeded ? json : undefined;
    const bytes = needs.measuresInputs ? sizeOf(json ?? JSON.stringify(input)) : undefined;
    if (valid instanceof Promise) {
      return valid.then((value: unknown) => new TaskInput(type, kept, value, bytes));
    }
    return new TaskInput(type, kept, valid, bytes);
  }

  /**
   * Checks an input that comes from another process, at once where the schema does.
   *
   * @param json `undefined` for none
   * @throws InvalidInputError for what the schema refuses here
   */
  static received(type: TaskType, json: string | undefined): TaskInput | Promise<TaskInput> {
    const valid = type.validate(parse(json));
    if (!(valid instanceof Promise)) return new TaskInput(type, json, valid);
    return valid.then((value: unknown) => new TaskInput(type, json, value));
  }

  /** What the next try gets; a promise where the schema is asynchronous. */
  forTry(): unknown {
    if (!this.#isFirst) return this.#type.validate(parse(this.json));
    const first = this.#first;
    this.#first = undefined;
    this.#isFirst = false;
    return first;
  }
}

/** @param json `undefined` for none */
function sizeOf(json: string | undefined): number {
  return json === undefined ? 0 : Buffer.byteLength(json);
}

function encode(type: TaskType, input: unknown): string {
  try {
    return toWholeJson(input);
  } catch (cause) {
    if (!(cause instanceof NotJsonError)) throw cause;
    const { message, path } = cause;
    throw invalidInput(`${type.app}/${type.name}`, [{ message, path }], { cause });
  }
}

function parse(json: string | undefined): unknown {
  return json === undefined ? undefined : JSON.parse(json);
}

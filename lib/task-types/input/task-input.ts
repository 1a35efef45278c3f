import { invalidInput } from '../../task/errors.js';
import { copyFlat, isFlat } from '../../task/json/flat-json.js';
import { NotJsonError, toWholeJson } from '../../task/json/whole-json.js';
import type { TaskType } from '../task-type.js';

/**
 * The input of a run. It is JSON, so that a task gets the same in one process and on many instances: the caller's object is
 * left alone, and no try sees what another one has made of it.
 */
export class TaskInput {
  readonly #type: TaskType;
  /** `undefined` for none. Kept only where there may be another try, or it has to travel. */
  readonly json: string | undefined;
  /** As it passed the schema at the start: for the first try. */
  #first: unknown;
  #isFirst = true;

  private constructor(type: TaskType, json: string | undefined, valid: unknown) {
    this.#type = type;
    this.json = json;
    this.#first = valid;
  }

  /**
   * Checks an input, at once where the schema does.
   *
   * @param travels whether its JSON is needed: another process may run the task
   * @throws InvalidInputError for what JSON cannot hold, and for what the schema refuses
   */
  static check(type: TaskType, input: unknown, travels = false): TaskInput | Promise<TaskInput> {
    const isNeeded = travels || type.options.attempts > 1;
    // Writing JSON only to read it once costs several times as much.
    const isCopied = !isNeeded && isFlat(input);
    const json = isCopied || input === undefined ? undefined : encode(type, input);
    const valid = type.validate(isCopied ? copyFlat(input) : parse(json));
    const kept = isNeeded ? json : undefined;
    if (valid instanceof Promise) return valid.then((value: unknown) => new TaskInput(type, kept, value));
    return new TaskInput(type, kept, valid);
  }

  /**
   * Checks an input that comes from another process.
   *
   * @param json `undefined` for none
   * @throws InvalidInputError for what the schema refuses here
   */
  static async received(type: TaskType, json: string | undefined): Promise<TaskInput> {
    return new TaskInput(type, json, await type.validate(parse(json)));
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

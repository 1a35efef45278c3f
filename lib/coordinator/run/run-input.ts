import { InvalidInputError } from '../../task/errors/invalid-input.error.js';
import { NotJsonError, toWholeJson } from '../../task/whole-json.js';
import type { TaskType } from '../types/task-type.js';

/**
 * The input of a run. It is JSON, so that a task gets the same in one process and on many instances: the caller's object is
 * left alone, and no try sees what another one has made of it.
 */
export class RunInput {
  readonly #type: TaskType;
  /** Kept only where there may be another try. */
  readonly #json: string | undefined;
  /** As it passed the schema at the start: for the first try. */
  #first: { readonly value: unknown } | undefined;

  private constructor(type: TaskType, json: string | undefined, valid: unknown) {
    this.#type = type;
    this.#json = type.options.attempts > 1 ? json : undefined;
    this.#first = { value: valid };
  }

  /**
   * Checks an input, at once where the schema does.
   *
   * @throws InvalidInputError for what JSON cannot hold, and for what the schema refuses
   */
  static check(type: TaskType, input: unknown): RunInput | Promise<RunInput> {
    const json = input === undefined ? undefined : encode(type, input);
    const valid = type.validate(parse(json));
    if (valid instanceof Promise) return valid.then((value: unknown) => new RunInput(type, json, value));
    return new RunInput(type, json, valid);
  }

  /** What the next try gets; a promise where the schema is asynchronous. */
  forTry(): unknown {
    const first = this.#first;
    this.#first = undefined;
    return first ? first.value : this.#type.validate(parse(this.#json));
  }
}

function encode(type: TaskType, input: unknown): string {
  try {
    return toWholeJson(input);
  } catch (cause) {
    if (!(cause instanceof NotJsonError)) throw cause;
    const { message, path } = cause;
    const at = path.length > 0 ? ` at "${path.join('.')}"` : '';
    throw new InvalidInputError(
      `Invalid input for ${type.app}/${type.name}${at}: ${message}`,
      [{ message, path }],
      { cause },
    );
  }
}

function parse(json: string | undefined): unknown {
  return json === undefined ? undefined : JSON.parse(json);
}

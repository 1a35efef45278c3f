import { StreamingError } from '../../cancellation/errors/streaming.error.js';

/**
 * One thing that is wrong with an input.
 *
 * @publicApi
 */
export interface InputIssue {
  readonly message: string;
  /** Where in the input, outermost first; empty for the input as a whole. */
  readonly path: readonly (string | number)[];
}

/**
 * The input of a task did not pass its schema. Nothing was started.
 *
 * @publicApi
 */
export class InvalidInputError extends StreamingError {
  override readonly name = 'InvalidInputError';
  readonly code = 'INVALID_INPUT';
  readonly issues: readonly InputIssue[];

  constructor(message: string, issues: readonly InputIssue[] = [], options?: ErrorOptions) {
    super(message, options);
    this.issues = issues;
  }
}

/** For an input that its task type does not take: the message shows the first issue. */
export function invalidInput(
  where: string,
  issues: readonly InputIssue[],
  options?: ErrorOptions,
): InvalidInputError {
  const [first] = issues;
  const at = first && first.path.length > 0 ? ` at "${first.path.join('.')}"` : '';
  const message = `Invalid input for ${where}${at}: ${first?.message ?? 'refused'}`;
  return new InvalidInputError(message, issues, options);
}

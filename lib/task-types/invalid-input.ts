import { type InputIssue, InvalidInputError } from '../task/errors/invalid-input.error.js';

/** The error for an input that its task type does not take: its message shows the first issue. */
export function invalidInput(where: string, issues: readonly InputIssue[]): InvalidInputError {
  const [first] = issues;
  const at = first && first.path.length > 0 ? ` at "${first.path.join('.')}"` : '';
  return new InvalidInputError(`Invalid input for ${where}${at}: ${first?.message ?? 'refused'}`, issues);
}

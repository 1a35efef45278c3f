import { cutText } from '../../cancellation/read-error.js';
import type { InputIssue } from '../../task/errors.js';

const MAX_ISSUES = 100;
/** Most bytes of them all, as JSON. */
const MAX_BYTES = 16_384;
/** Most characters of a message and of each part of a path. */
const MAX_TEXT_LENGTH = 500;
const MAX_PATH_LENGTH = 32;

interface AnsweredIssues {
  readonly issues: readonly InputIssue[];
  /** How many there were, where the answer does not have all of them. */
  readonly issueCount?: number;
}

/**
 * The issues of a refused input as an answer has them. A schema finds one for each element of an array: without limits,
 * the answer is many times as large as the request.
 */
export function answeredIssues(all: readonly InputIssue[]): AnsweredIssues {
  const issues: InputIssue[] = [];
  let bytes = 0;
  for (const { message, path } of all.slice(0, MAX_ISSUES)) {
    const issue = { message: shortenText(message), path: path.slice(0, MAX_PATH_LENGTH).map(cutPart) };
    bytes += Buffer.byteLength(JSON.stringify(issue));
    if (bytes > MAX_BYTES && issues.length > 0) break;
    issues.push(issue);
  }
  return issues.length < all.length ? { issues, issueCount: all.length } : { issues };
}

/** Cuts a text that may hold as much of the input as its sender likes. */
export function shortenText(text: string): string {
  return text.length <= MAX_TEXT_LENGTH ? text : `${cutText(text, MAX_TEXT_LENGTH)}…`;
}

function cutPart(part: string | number): string | number {
  return typeof part === 'string' ? shortenText(part) : part;
}

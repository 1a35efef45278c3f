import { cutText, readList, readProperty, textOf } from '../cancellation/read-error.js';

/** How many causes and held errors of one error are described: a getter may make new ones without end. */
const MAX_TOLD = 32;
/** Longer texts are cut: a message may hold a whole document. */
const MAX_LINE_LENGTH = 4_000;
const MAX_FRAMES = 100;
const MAX_STACK_LENGTH = 100_000;

/** Line ends, and what moves the cursor of a terminal: a message must not look like other log lines. */
const CONTROL = /[\p{Cc}\u2028\u2029]/gu;

/** A text on one line, without control characters. */
export function oneLine(text: string): string {
  const cut = text.length > MAX_LINE_LENGTH ? `${cutText(text, MAX_LINE_LENGTH)}…` : text;
  return cut.replaceAll(CONTROL, (character) => ESCAPES[character] ?? hex(character));
}

const ESCAPES: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\t' };

function hex(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** All that a log should tell of an error: stack, causes, held errors, each message on one line. It never throws. */
export function describeError(error: unknown): string {
  return linesOf(error).join('\n');
}

/** The same on one line. */
export function describeErrorInLine(error: unknown): string {
  return linesOf(error)
    .map((line) => line.trim())
    .join(' | ');
}

/** Name and message. */
export function headOf(error: unknown): string {
  const message = readProperty(error, 'message');
  if (message === undefined) return oneLine(textOf(error));
  const name = readProperty(error, 'name');
  const text = textOf(message);
  const head = typeof name === 'string' && name !== '' ? name : 'Error';
  return oneLine(text === '' ? head : `${head}: ${text}`);
}

interface Told {
  readonly error: unknown;
  /** What it is to the error before it. */
  readonly as: string;
  readonly depth: number;
}

function linesOf(first: unknown): string[] {
  const lines: string[] = [];
  const seen = new Set<unknown>();
  // The causes of an error come right after it.
  const rest: Told[] = [{ error: first, as: '', depth: 0 }];
  for (let told = 0; told < MAX_TOLD; told++) {
    const next = rest.shift();
    if (!next) break;
    const { error, as, depth } = next;
    const indent = '  '.repeat(depth);
    lines.push(`${indent}${as}${headOf(error)}`);
    if (seen.has(error)) continue;
    seen.add(error);
    lines.push(...framesOf(error).map((frame) => indent + frame));
    rest.unshift(...insideOf(error, depth));
  }
  return lines;
}

function insideOf(error: unknown, depth: number): Told[] {
  const inside: Told[] = [];
  const cause = readProperty(error, 'cause');
  if (cause !== undefined) inside.push({ error: cause, as: 'caused by ', depth });
  if (readProperty(error, 'name') === 'SuppressedError') {
    inside.push({ error: readProperty(error, 'error'), as: '[error] ', depth: depth + 1 });
    inside.push({ error: readProperty(error, 'suppressed'), as: '[suppressed] ', depth: depth + 1 });
  }
  const errors = readList(readProperty(error, 'errors'), MAX_TOLD) ?? [];
  for (const [index, held] of errors.entries()) {
    inside.push({ error: held, as: `[${index + 1} of ${errors.length}] `, depth: depth + 1 });
  }
  return inside;
}

/** The frames of a stack. Its first lines hold the message, which may look like anything. */
function framesOf(error: unknown): string[] {
  const stack = readProperty(error, 'stack');
  if (typeof stack !== 'string') return [];
  const message = readProperty(error, 'message');
  const at = typeof message === 'string' ? stack.indexOf(message) : -1;
  // The message may have been changed after the stack was made: then all of it is looked at.
  const start = at < 0 ? 0 : at + (message as string).length;
  return stack
    .slice(start, start + MAX_STACK_LENGTH)
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .slice(0, MAX_FRAMES)
    .map(oneLine);
}

import { readProperty, textOf } from '../../cancellation/read-error.js';

/** How many causes and held errors of one error are described: a getter may make new ones without end. */
const MOST_TOLD = 32;
/** Longer texts are cut: a message may hold a whole document. */
const LONGEST_LINE = 4_000;

/** Line ends, and what moves the cursor of a terminal: a message must not look like other log lines. */
const CONTROL = /[\p{Cc}\u2028\u2029]/gu;

/** A text on one line, without control characters. */
export function oneLine(text: string): string {
  const cut = text.length > LONGEST_LINE ? `${text.slice(0, LONGEST_LINE)}…` : text;
  return cut.replaceAll(CONTROL, (character) => escapes[character] ?? hex(character));
}

const escapes: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\t' };

function hex(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/**
 * All that a log should tell of an error: its stack, its causes, and the errors it holds. Each message is on one line.
 */
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
  for (let told = 0; told < MOST_TOLD; told++) {
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
  const errors = arrayOf(readProperty(error, 'errors'));
  for (const [index, held] of errors.entries()) {
    inside.push({ error: held, as: `[${index + 1} of ${errors.length}] `, depth: depth + 1 });
  }
  return inside;
}

function arrayOf(value: unknown): readonly unknown[] {
  try {
    return Array.isArray(value) ? value.slice(0, MOST_TOLD) : [];
  } catch {
    // A proxy that was revoked.
    return [];
  }
}

/** The frames of a stack. Its first lines hold the message, which may look like anything. */
function framesOf(error: unknown): string[] {
  const stack = readProperty(error, 'stack');
  if (typeof stack !== 'string') return [];
  const message = readProperty(error, 'message');
  const end = typeof message === 'string' && message !== '' ? stack.indexOf(message) + message.length : 0;
  return stack
    .slice(Math.max(end, 0))
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .map(oneLine);
}

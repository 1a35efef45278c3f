import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Of the checkout, without a slash at its end. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/** A fenced block of the README. */
export interface Block {
  /** What follows the opening fence: `ts`, `sh` … */
  readonly language: string;
  /** The HTML comment before it, which nobody sees: `<!-- file: main.ts -->` is `file` and `main.ts`. */
  readonly kind: string | undefined;
  readonly name: string;
  readonly text: string;
  /** Of the opening fence. */
  readonly line: number;
}

const marker = /^<!-- (\w+): (.+) -->$/;

const lines = readFileSync(`${ROOT}/README.md`, 'utf8').split('\n');

export const blocks: readonly Block[] = readBlocks();

function readBlocks(): Block[] {
  const found: Block[] = [];
  for (let index = 0; index < lines.length; index++) {
    const language = /^```(\w*)$/.exec(lines[index] ?? '')?.[1];
    if (language === undefined) continue;
    const end = lines.indexOf('```', index + 1);
    if (end === -1) throw new Error(`README.md:${index + 1}: this block has no end`);
    const [, kind, name = `line-${index + 1}`] = marker.exec(lines[index - 2] ?? '') ?? [];
    found.push({ language, kind, name, text: lines.slice(index + 1, end).join('\n'), line: index + 1 });
    index = end;
  }
  return found;
}

/** The block with the comment `<!-- kind: name -->`. */
export function block(kind: string, name: string): Block {
  const found = blocks.find((candidate) => candidate.kind === kind && candidate.name === name);
  if (!found) throw new Error(`README.md has no block <!-- ${kind}: ${name} -->`);
  return found;
}

export type Row = Readonly<Record<string, string>>;

/** The rows of the table with the comment `<!-- table: name -->`, by the words in its head. */
export function table(name: string): Row[] {
  const start = lines.indexOf(`<!-- table: ${name} -->`);
  if (start === -1) throw new Error(`README.md has no table <!-- table: ${name} -->`);
  const end = lines.indexOf('', start + 2);
  const [head = [], , ...rows] = lines.slice(start + 2, end).map(cells);
  return rows.map((row) => Object.fromEntries(head.map((column, index) => [column, row[index] ?? ''])));
}

function cells(line: string): string[] {
  return line
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map((cell) => cell.trim());
}

/** What stands between backquotes in a cell. */
export function codes(cell: string | undefined): string[] {
  return [...(cell ?? '').matchAll(/`([^`]+)`/g)].map(([, code = '']) => code);
}

/** The first of a table's cells that names something. */
export function firstCode(row: Row): string {
  return codes(Object.values(row)[0])[0] ?? '';
}

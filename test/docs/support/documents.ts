import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Of the checkout, without a slash at its end. */
export const ROOT = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '');

/** A fenced block. */
export interface Block {
  /** What follows the opening fence: `ts`, `sh` … */
  readonly language: string;
  /** The HTML comment before it: `<!-- file: main.ts -->` is `file` and `main.ts`. Readers do not see it. */
  readonly kind: string | undefined;
  readonly name: string;
  readonly text: string;
  /** Of the opening fence. */
  readonly line: number;
}

export type Row = Readonly<Record<string, string>>;

const marker = /^<!-- (\w+): (.+) -->$/;

/** A page of the documentation, as far as tests look at it. */
export class Document {
  readonly blocks: readonly Block[];
  readonly #lines: readonly string[];

  /** @param path in the checkout */
  constructor(readonly path: string) {
    this.#lines = readFileSync(`${ROOT}/${path}`, 'utf8').split('\n');
    this.blocks = [...this.#readBlocks()];
  }

  get name(): string {
    return basename(this.path, '.md');
  }

  get text(): string {
    return this.#lines.join('\n');
  }

  /** Those that the compiler reads. */
  get typescriptBlocks(): readonly Block[] {
    return this.blocks.filter(({ language }) => language === 'ts');
  }

  /** The block with the comment `<!-- kind: name -->`. */
  block(kind: string, name: string): Block {
    const found = this.blocks.find((candidate) => candidate.kind === kind && candidate.name === name);
    if (!found) throw new Error(`${this.path} has no block <!-- ${kind}: ${name} -->`);
    return found;
  }

  hasTable(name: string): boolean {
    return this.#lines.includes(`<!-- table: ${name} -->`);
  }

  /** The rows of the table with the comment `<!-- table: name -->`, by the words in its head. */
  table(name: string): Row[] {
    const start = this.#lines.indexOf(`<!-- table: ${name} -->`);
    if (start === -1) throw new Error(`${this.path} has no table <!-- table: ${name} -->`);
    const end = this.#lines.indexOf('', start + 2);
    const [head = [], , ...rows] = this.#lines.slice(start + 2, end).map(cells);
    return rows.map((row) => Object.fromEntries(head.map((column, index) => [column, row[index] ?? ''])));
  }

  *#readBlocks(): Generator<Block> {
    for (let index = 0; index < this.#lines.length; index++) {
      const language = /^```(\w*)$/.exec(this.#lines[index] ?? '')?.[1];
      if (language === undefined) continue;
      const line = index + 1;
      const end = this.#lines.indexOf('```', line);
      if (end === -1) throw new Error(`${this.path}:${line}: this block has no end`);
      const [, kind, name = `line-${line}`] = marker.exec(this.#lines[index - 2] ?? '') ?? [];
      yield { language, kind, name, text: this.#lines.slice(line, end).join('\n'), line };
      index = end;
    }
  }
}

/** Every page that users read: the README, then `docs/`. */
export const documents: readonly Document[] = [
  'README.md',
  ...readdirSync(`${ROOT}/docs`)
    .filter((file) => file.endsWith('.md'))
    .map((file) => `docs/${file}`),
].map((path) => new Document(path));

/** @param name `README`, or that of a file in `docs/` without its `.md` */
export function page(name: string): Document {
  const found = documents.find((document) => document.name === name);
  if (!found) throw new Error(`There is no page ${name}`);
  return found;
}

/** The page that has the table `<!-- table: name -->`, and its rows. */
export function table(name: string): Row[] {
  const found = documents.filter((document) => document.hasTable(name));
  if (found.length !== 1) throw new Error(`${found.length} pages have a table <!-- table: ${name} -->`);
  return found[0]!.table(name);
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

import { describe, expect, test } from '@jest/globals';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { type Block, documents, ROOT } from './support/documents.js';
import { compilerOptions, fileOf, moduleOf } from './support/sources.js';

/** Not on the disk: only the compiler sees it. */
const FOLDER = join(ROOT, 'test/docs/blocks');

describe.each(documents)('the code blocks of $path', ({ name, blocks, typescriptBlocks }) => {
  test('each TypeScript block says what it is', () => {
    expect(typescriptBlocks.filter(({ kind }) => kind !== 'file' && kind !== 'method')).toEqual([]);
  });

  test('every block is in a language that a test reads or runs', () => {
    const known = ['file', 'method', 'js', 'sh', 'config', 'wire', 'figure', 'session'];
    const isKnown = (block: Block): boolean =>
      known.includes(block.kind ?? (block.language === 'sh' ? 'sh' : ''));
    expect(blocks.filter((block) => !isKnown(block))).toEqual([]);
  });

  test('examples have a test beside this one that runs them', () => {
    const hasExamples = blocks.some(({ kind = '' }) => ['file', 'method', 'js', 'session'].includes(kind));
    const tests = [`${name}.test.ts`, `${name}.soak.test.ts`];
    expect(tests.some((file) => existsSync(join(ROOT, 'test/docs/pages', file)))).toBe(hasExamples);
  });
});

test('no two TypeScript blocks have the same name', () => {
  const files = documents.flatMap(({ typescriptBlocks }) => typescriptBlocks.map(fileOf));
  expect(files.filter((file, index) => files.indexOf(file) !== index)).toEqual([]);
});

test('every TypeScript block passes the compiler as strictly as the package does', () => {
  expect(diagnose()).toEqual([]);
}, 120_000);

function diagnose(): string[] {
  const sources = new Map(
    documents.flatMap((document) =>
      document.typescriptBlocks.map((block) => {
        const path = join(FOLDER, fileOf(block));
        return [path, { document, block, text: moduleOf(block) }] as const;
      }),
    ),
  );
  const folders = new Set([...sources.keys()].map((path) => dirname(path)));
  const options = { ...compilerOptions(), noEmit: true };
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists, readFile, directoryExists } = host;
  host.fileExists = (path) => sources.has(path) || fileExists.call(host, path);
  host.directoryExists = (path) => folders.has(path) || directoryExists?.call(host, path) === true;
  host.readFile = (path) => sources.get(path)?.text ?? readFile.call(host, path);
  host.getSourceFile = (path, target, ...rest) => {
    const source = sources.get(path);
    return source
      ? ts.createSourceFile(path, source.text, target)
      : getSourceFile.call(host, path, target, ...rest);
  };
  const program = ts.createProgram({ rootNames: [...sources.keys()], options, host });
  // What is wrong elsewhere is told by the type check of the whole.
  const ofBlocks = [...sources.keys()].flatMap((path) =>
    ts.getPreEmitDiagnostics(program, program.getSourceFile(path)),
  );
  return ofBlocks.map(({ file, start = 0, messageText }) => {
    const message = ts.flattenDiagnosticMessageText(messageText, '\n');
    const source = file && sources.get(file.fileName);
    if (!file || !source) return message;
    const { line } = file.getLineAndCharacterOfPosition(start);
    const text = file.text.split('\n')[line] ?? '';
    const { document, block } = source;
    return `${document.path}:${block.line} (${block.name}): ${message}\n    ${text.trim()}`;
  });
}

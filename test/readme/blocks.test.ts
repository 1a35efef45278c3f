import { describe, expect, test } from '@jest/globals';
import { join } from 'node:path';
import ts from 'typescript';
import { blocks, ROOT } from './readme.js';
import { compilerOptions, fileOf, moduleOf, typescriptBlocks } from './sources.js';

/** Not on the disk: only the compiler is shown it. */
const FOLDER = join(ROOT, 'test/readme/blocks');

describe('the code blocks of the README', () => {
  test('each TypeScript block says what it is, and no two are called alike', () => {
    expect(typescriptBlocks.filter(({ kind }) => kind !== 'file' && kind !== 'method')).toEqual([]);
    const files = typescriptBlocks.map(fileOf);
    expect(files.filter((file, index) => files.indexOf(file) !== index)).toEqual([]);
  });

  test('every block is in a language that a test reads or runs', () => {
    const others = blocks.filter(
      ({ language, kind }) => !['ts', 'js', 'sh'].includes(language) && kind !== 'wire',
    );
    expect(others).toEqual([]);
  });

  test('every TypeScript block passes the compiler as strictly as the package does', () => {
    expect(diagnose()).toEqual([]);
  }, 60_000);
});

function diagnose(): string[] {
  const sources = new Map(typescriptBlocks.map((block) => [join(FOLDER, fileOf(block)), block]));
  const options = { ...compilerOptions(), noEmit: true };
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists, readFile, directoryExists } = host;
  host.fileExists = (path) => sources.has(path) || fileExists.call(host, path);
  host.directoryExists = (path) => path === FOLDER || directoryExists?.call(host, path) === true;
  host.readFile = (path) => {
    const block = sources.get(path);
    return block ? moduleOf(block) : readFile.call(host, path);
  };
  host.getSourceFile = (path, target, ...rest) => {
    const block = sources.get(path);
    return block
      ? ts.createSourceFile(path, moduleOf(block), target)
      : getSourceFile.call(host, path, target, ...rest);
  };
  const program = ts.createProgram({ rootNames: [...sources.keys()], options, host });
  // What is wrong elsewhere is told by the type check of the whole.
  const ofBlocks = [...sources.keys()].flatMap((path) =>
    ts.getPreEmitDiagnostics(program, program.getSourceFile(path)),
  );
  return ofBlocks.map(({ file, start = 0, messageText }) => {
    const message = ts.flattenDiagnosticMessageText(messageText, '\n');
    const block = file && sources.get(file.fileName);
    if (!file || !block) return message;
    const { line } = file.getLineAndCharacterOfPosition(start);
    const text = file.text.split('\n')[line] ?? '';
    return `README.md:${block.line} (${block.name}): ${message}\n    ${text.trim()}`;
  });
}

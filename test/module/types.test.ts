import { describe, expect, test } from '@jest/globals';
import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import ts from 'typescript';
import { compilerOptions } from '../docs/support/sources.js';
import { ROOT } from '../docs/support/documents.js';

const FOLDER = join(ROOT, 'test/types');

describe('the types that users see', () => {
  const files = readdirSync(FOLDER).filter((file) => file.endsWith('.test-d.ts'));

  // `npm run typecheck` reads them too; this is for whoever only runs the tests.
  test('are inferred and refused as test/types says', () => {
    expect(files).not.toEqual([]);
    const program = ts.createProgram(
      files.map((file) => join(FOLDER, file)),
      { ...compilerOptions(), noEmit: true },
    );
    const diagnostics = files.flatMap((file) =>
      ts.getPreEmitDiagnostics(program, program.getSourceFile(join(FOLDER, file))),
    );
    expect(diagnostics.map(describeDiagnostic)).toEqual([]);
  });
});

function describeDiagnostic({ file, start = 0, messageText }: ts.Diagnostic): string {
  const message = ts.flattenDiagnosticMessageText(messageText, '\n');
  if (!file) return message;
  return `${relative(ROOT, file.fileName)}:${file.getLineAndCharacterOfPosition(start).line + 1}: ${message}`;
}

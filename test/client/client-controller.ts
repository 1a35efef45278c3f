import { Controller, Get, Header, Param } from '@nestjs/common';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import ts from 'typescript';
import { ROOT } from '../docs/support/documents.js';

/** The client as a page loads it, without a build step: its modules, and its parser by an import map. */
@Controller('client')
export class ClientController {
  @Get('page')
  @Header('content-type', 'text/html')
  page(): string {
    const imports = { 'eventsource-parser': '/client/parser' };
    return `<!doctype html><script type="importmap">${JSON.stringify({ imports })}</script>`;
  }

  @Get('parser')
  @Header('content-type', 'text/javascript')
  parser(): string {
    const commonjs = createRequire(import.meta.url).resolve('eventsource-parser');
    return readFileSync(commonjs.replace(/\.cjs$/, '.js'), 'utf8');
  }

  @Get('lib/*path')
  @Header('content-type', 'text/javascript')
  module(@Param('path') path: string | string[]): string {
    return transpile(join('lib/client', ...[path].flat()).replace(/\.js$/, '.ts'));
  }
}

/** A module of the checkout, for a page. */
export function transpile(file: string): string {
  const { outputText } = ts.transpileModule(readFileSync(join(ROOT, file), 'utf8'), {
    compilerOptions: {
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.ES2022,
      verbatimModuleSyntax: true,
    },
  });
  return outputText;
}

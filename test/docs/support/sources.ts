import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { type Block, documents, ROOT } from './documents.js';

/** Where the compiler believes a block to be. */
export function fileOf({ kind, name }: Block): string {
  return kind === 'file' ? name : `${name}.example.ts`;
}

/**
 * A block as a module. A `file` is one as it stands; a `method` is the `process()` of a task type called `Example`, with
 * its own imports in front.
 */
export function moduleOf(given: Block): string {
  if (given.kind !== 'method') return given.text;
  const body = given.text.split('\n');
  const start = body[0]?.startsWith('import ') ? body.indexOf('') : 0;
  return [
    `import { StreamTask, TaskContext } from 'nestjs-streaming';`,
    ...body.slice(0, start),
    `@StreamTask({ app: 'docs', name: '${given.name}' })`,
    'export class Example {',
    ...body.slice(start),
    '}',
  ].join('\n');
}

export function compilerOptions(): ts.CompilerOptions {
  const file = join(ROOT, 'tsconfig.json');
  const { config, error } = ts.readConfigFile(file, (path) => ts.sys.readFile(path)) as {
    config: unknown;
    error?: ts.Diagnostic;
  };
  if (error) throw new Error(ts.flattenDiagnosticMessageText(error.messageText, '\n'));
  return ts.parseJsonConfigFileContent(config, ts.sys, ROOT).options;
}

/** A folder in which packages are found as in the checkout, and which is gone afterwards. */
export class ScratchFolder implements Disposable {
  readonly path: string;

  constructor() {
    const cache = join(ROOT, 'node_modules/.cache');
    mkdirSync(cache, { recursive: true });
    this.path = mkdtempSync(join(cache, 'docs-'));
    this.write('package.json', '{ "type": "module" }');
  }

  write(name: string, text: string): string {
    const path = join(this.path, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    return path;
  }

  /** Compiles a module and returns where it is. */
  compile(name: string, text: string): string {
    return this.write(name.replace(/\.ts$/, '.js'), transpile(text));
  }

  /** The package as it would be published, made of the sources as they are now. */
  installPackage(): void {
    const target = 'node_modules/nestjs-streaming';
    this.write(`${target}/package.json`, readFileSync(join(ROOT, 'package.json'), 'utf8'));
    for (const file of readdirSync(join(ROOT, 'lib'), { recursive: true, encoding: 'utf8' })) {
      if (!/\.[jt]s$/.test(file)) continue;
      this.compile(`${target}/dist/${file}`, readFileSync(join(ROOT, 'lib', file), 'utf8'));
    }
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

function transpile(text: string, fileName = 'module.ts'): string {
  const { target, module, experimentalDecorators, emitDecoratorMetadata } = compilerOptionsOnce();
  return ts.transpileModule(text, {
    compilerOptions: {
      target: target ?? ts.ScriptTarget.ES2023,
      // What a NodeNext module is when its package.json says "module".
      module: module === ts.ModuleKind.NodeNext ? ts.ModuleKind.ES2022 : (module ?? ts.ModuleKind.ES2022),
      verbatimModuleSyntax: true,
      experimentalDecorators: experimentalDecorators ?? true,
      emitDecoratorMetadata: emitDecoratorMetadata ?? true,
      jsx: ts.JsxEmit.ReactJSX,
    },
    fileName,
  }).outputText;
}

let options: ts.CompilerOptions | undefined;

function compilerOptionsOnce(): ts.CompilerOptions {
  return (options ??= compilerOptions());
}

/**
 * The TypeScript blocks of all pages, compiled into one folder, so that they find each other. Returns what one of them
 * exports.
 */
export function compileAll(folder: ScratchFolder): <T = Record<string, never>>(file: string) => Promise<T> {
  for (const block of documents.flatMap(({ typescriptBlocks }) => typescriptBlocks)) {
    folder.compile(fileOf(block), moduleOf(block));
  }
  return async <T>(file: string) => (await import(join(folder.path, file.replace(/\.ts$/, '.js')))) as T;
}

/** What the compiler says of components. */
export function diagnoseComponents(blocks: readonly Block[]): string[] {
  const sources = new Map(blocks.map(({ name, text }) => [join(ROOT, 'test/docs/blocks', name), text]));
  const withJsx = { ...compilerOptions(), noEmit: true, jsx: ts.JsxEmit.ReactJSX };
  const host = ts.createCompilerHost(withJsx);
  const { getSourceFile, fileExists } = host;
  host.fileExists = (path) => sources.has(path) || fileExists.call(host, path);
  host.getSourceFile = (path, target, ...rest) => {
    const text = sources.get(path);
    return text === undefined
      ? getSourceFile.call(host, path, target, ...rest)
      : ts.createSourceFile(path, text, target);
  };
  const program = ts.createProgram({ rootNames: [...sources.keys()], options: withJsx, host });
  return [...sources.keys()]
    .flatMap((path) => ts.getPreEmitDiagnostics(program, program.getSourceFile(path)))
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
}

/** Components, compiled into one folder. Returns what one of them exports. */
export function compileComponents(
  folder: ScratchFolder,
  blocks: readonly Block[],
): <T>(file: string) => Promise<T> {
  const compiled = (file: string): string => file.replace(/\.tsx$/, '.js');
  for (const { name, text } of blocks) folder.write(compiled(name), transpile(text, name));
  return async <T>(file: string) => (await import(join(folder.path, compiled(file)))) as T;
}

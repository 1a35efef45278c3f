import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import ts from 'typescript';

const root = join(import.meta.dirname, '../../..');

export interface ScriptResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * A folder far from this one, in which the package is installed, made of the sources as they are now, and of other
 * packages only those that are named: for scripts that run in a process of their own.
 */
export class InstalledPackage implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'installed-'));

  /**
   * @param rooms of lib/, those that the script needs; `.` for all of it
   * @param packages that are installed beside it
   */
  constructor(rooms: readonly string[], packages: readonly string[] = []) {
    const target = join(this.path, 'node_modules/nestjs-streaming');
    mkdirSync(target, { recursive: true });
    this.write('package.json', '{}');
    copyFileSync(join(root, 'package.json'), join(target, 'package.json'));
    for (const room of rooms) this.#install(room, join(target, 'dist'));
    for (const name of packages) {
      const link = join(this.path, 'node_modules', name);
      mkdirSync(dirname(link), { recursive: true });
      symlinkSync(join(root, 'node_modules', name), link);
    }
  }

  /** All of it, with what an application on Express or Fastify needs. */
  static withNest(more: readonly string[] = []): InstalledPackage {
    const nest = ['common', 'core', 'platform-express', 'platform-fastify'].map((name) => `@nestjs/${name}`);
    return new InstalledPackage(
      ['.'],
      [...nest, 'reflect-metadata', 'rxjs', 'leven', '@standard-schema/spec', ...more],
    );
  }

  /** What runs on many instances needs, too. */
  static withBullmq(): InstalledPackage {
    return InstalledPackage.withNest(['bullmq', 'ioredis']);
  }

  /** Writes a script; returns its path. */
  write(name: string, text: string): string {
    const path = join(this.path, name);
    writeFileSync(path, text);
    return path;
  }

  /** Runs a script to its end. */
  async run(text: string): Promise<ScriptResult> {
    const child = spawn(process.execPath, [this.write('script.mjs', text)], {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 30_000,
    });
    const written = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk: Buffer) => (written.stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (written.stderr += chunk.toString()));
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, ...written };
  }

  #install(room: string, dist: string): void {
    for (const file of readdirSync(join(root, 'lib', room), { recursive: true, encoding: 'utf8' })) {
      if (!/\.[jt]s$/.test(file)) continue;
      const path = join(dist, room, file.replace(/\.ts$/, '.js'));
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, transpile(readFileSync(join(root, 'lib', room, file), 'utf8')));
    }
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

function transpile(source: string): string {
  return ts.transpileModule(source, {
    compilerOptions: {
      target: ts.ScriptTarget.ES2023,
      module: ts.ModuleKind.ES2022,
      verbatimModuleSyntax: true,
      experimentalDecorators: true,
      emitDecoratorMetadata: true,
    },
  }).outputText;
}

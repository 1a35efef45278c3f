import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { open, readdir, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Writable } from 'node:stream';
import { Injectable } from '@nestjs/common';

/** A name, never a path: no separator, and nothing hidden. */
const fileName = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}$/;
const unfinished = '.part';

/** The one folder that the tasks read and write. */
@Injectable()
export class DataDirectory {
  readonly path = resolve(process.env['DATA_DIR'] ?? join(import.meta.dirname, '..', 'data'));

  constructor() {
    mkdirSync(this.path, { recursive: true });
  }

  static isFileName(name: unknown): name is string {
    return typeof name === 'string' && fileName.test(name) && !name.endsWith(unfinished);
  }

  /** @param name must be a file name: what came from outside is checked before */
  pathOf(name: string): string {
    if (!DataDirectory.isFileName(name)) throw new Error(`${JSON.stringify(name)} is not the name of a file`);
    return join(this.path, name);
  }

  async list(): Promise<string[]> {
    const entries = await readdir(this.path, { withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile() && DataDirectory.isFileName(entry.name))
      .map(({ name }) => name);
  }

  /**
   * Writes a file that is there whole or not at all: it has another name until it is complete, and is removed when
   * `fill` fails, as it does when the task is cancelled.
   */
  async write(name: string, fill: (sink: Writable) => Promise<void>): Promise<void> {
    const path = this.pathOf(name);
    const part = `${path}.${randomUUID().slice(0, 8)}${unfinished}`;
    // Opened here and not by the stream, which could create the file after it was removed.
    const file = await open(part, 'wx');
    try {
      await fill(file.createWriteStream());
      await file.close();
      await rename(part, path);
    } finally {
      await file.close();
      await rm(part, { force: true });
    }
  }
}

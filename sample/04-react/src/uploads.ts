import { randomUUID } from 'node:crypto';
import { createWriteStream, mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { BadRequestException, Injectable, PayloadTooLargeException } from '@nestjs/common';
import { type EventTask, OnTaskEvent, type TaskEvent } from 'nestjs-streaming';

/** Of an upload, in bytes. */
const MAX_SIZE = 10_000_000;

const uploadId = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Files that wait for their import. */
@Injectable()
export class Uploads {
  readonly path = resolve(process.env['DATA_DIR'] ?? join(import.meta.dirname, '..', 'data'));

  constructor() {
    mkdirSync(this.path, { recursive: true });
  }

  /**
   * @param file as `save` gave it
   * @throws BadRequestException for anything else: it comes from a client
   */
  pathOf(file: string): string {
    if (!uploadId.test(file)) throw new BadRequestException(`"${file}" is no upload`);
    return join(this.path, `${file}.csv`);
  }

  /**
   * Keeps a file whole or not at all.
   *
   * @returns its id
   * @throws PayloadTooLargeException
   */
  async save(content: Readable): Promise<string> {
    const file = randomUUID();
    try {
      await pipeline(content, limited, createWriteStream(this.pathOf(file), { flags: 'wx' }));
    } catch (error) {
      await this.remove(file);
      throw error;
    }
    return file;
  }

  /** However the import ends, and if it never began. */
  @OnTaskEvent(['completed', 'failed', 'cancelled', 'timeout'], { name: 'ImportTask' })
  async removeImported(_event: TaskEvent, { id }: EventTask): Promise<void> {
    if (uploadId.test(id)) await this.remove(id);
  }

  async remove(file: string): Promise<void> {
    await rm(this.pathOf(file), { force: true });
  }
}

async function* limited(content: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let size = 0;
  for await (const chunk of content) {
    size += chunk.length;
    if (size > MAX_SIZE) throw new PayloadTooLargeException(`A file may have ${MAX_SIZE} bytes`);
    yield chunk;
  }
}

import { access } from 'node:fs/promises';
import { PassThrough } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { Injectable } from '@nestjs/common';
import type { TaskContext } from 'nestjs-streaming';
import { corpusText } from './corpus-text.js';
import { DataDirectory } from './data-directory.js';
import { megabytes, percentOf, throttledProgress } from './progress.js';

const size = 50_000_000;

/** A text that is large enough to be worth counting. It is made when it is first asked for, the same everywhere. */
@Injectable()
export class Corpus {
  static readonly files: readonly string[] = ['corpus.txt', 'corpus.txt.gz'];

  constructor(private readonly data: DataDirectory) {}

  /** Makes the file if it is one of the corpus's and is not there yet. */
  async ensure(file: string, task: TaskContext): Promise<void> {
    if (!Corpus.files.includes(file) || (await exists(this.data.pathOf(file)))) return;
    const report = throttledProgress(task);
    const text = function* (): Generator<string> {
      let bytes = 0;
      for (const piece of corpusText(size)) {
        bytes += Buffer.byteLength(piece);
        report(() => ({
          percent: percentOf(bytes, size),
          message: `Writing ${file}, the first time only: ${megabytes(bytes)} of ${megabytes(size)}`,
        }));
        yield piece;
      }
    };
    // The fastest level: the time is for counting.
    const pack = file.endsWith('.gz') ? createGzip({ level: 1 }) : new PassThrough();
    await this.data.write(file, (sink) => pipeline(text, pack, sink, { signal: task.signal }));
    void task.sendEvent('corpus', { file, bytes: size });
  }
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { PassThrough } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { NotFoundException, UnprocessableEntityException } from '@nestjs/common';
import { StreamTask, type TaskContext, type TaskHandler } from 'nestjs-streaming';
import { Corpus } from './corpus.js';
import { DataDirectory } from './data-directory.js';
import { inputSchema, refuse } from './input.js';
import { percentOf, throttledProgress } from './progress.js';
import { WordCounter, type WordTotal } from './word-counter.js';

export interface WordCountInput {
  /** The name of a file in the data directory. */
  readonly file: string;
}

export interface WordCountResult {
  readonly file: string;
  readonly words: number;
  readonly top: readonly WordTotal[];
}

const wordCountInput = inputSchema<WordCountInput>(({ file }) =>
  DataDirectory.isFileName(file)
    ? { value: { file } }
    : refuse('file', 'expected the name of a file in the data directory, without any folder'),
);

/** Counts the words of a text file of any size, packed (`.gz`) or not. */
@StreamTask({
  input: wordCountInput,
  // It keeps the processor busy: one at a time, the next ones wait as `pending`.
  concurrency: 1,
})
export class WordCountTask implements TaskHandler<WordCountInput, WordCountResult> {
  constructor(
    private readonly data: DataDirectory,
    private readonly corpus: Corpus,
  ) {}

  async process(task: TaskContext<WordCountInput>): Promise<WordCountResult> {
    const { file } = task.input;
    await this.corpus.ensure(file, task);
    const size = await this.#sizeOf(file);
    const counter = new WordCounter();
    try {
      await this.#count(file, size, counter, task);
    } catch (error) {
      if (isZlibError(error))
        throw new UnprocessableEntityException(`${file} is not packed with gzip, or is damaged`);
      throw error;
    }
    return { file, words: counter.words, top: counter.top(10) };
  }

  async #count(file: string, size: number, counter: WordCounter, task: TaskContext): Promise<void> {
    const report = throttledProgress(task);
    const source = createReadStream(this.data.pathOf(file));
    const text = file.endsWith('.gz') ? createGunzip({ chunkSize: 64 * 1024 }) : new PassThrough();
    // Puts characters together that were cut between two chunks.
    text.setEncoding('utf8');
    // Every chunk is read in a turn of the event loop of its own, so that a cancel is heard in between.
    const count = async (pieces: AsyncIterable<string>): Promise<void> => {
      for await (const piece of pieces) {
        counter.add(piece);
        report(() => ({
          percent: percentOf(source.bytesRead, size),
          message: `${counter.words.toLocaleString('en')} words`,
        }));
      }
      counter.finish();
    };
    await pipeline(source, text, count, { signal: task.signal });
  }

  async #sizeOf(file: string): Promise<number> {
    const found = await stat(this.data.pathOf(file)).catch(() => undefined);
    if (!found?.isFile()) throw new NotFoundException(`There is no file "${file}" in the data directory`);
    return found.size;
  }
}

function isZlibError(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' && code.startsWith('Z_');
}

import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { StreamTask, type TaskContext } from 'nestjs-streaming/task';
import { z } from 'zod';
import { Uploads } from './uploads.js';

const importInput = z.object({ name: z.string().max(255) });

export interface ImportEvents {
  refused: { line: number; text: string; reason: string };
}

/** How long it takes to store a row, in milliseconds: this stands for a database. */
const STORING = 10;

/** Imports lines `name,amount` of the uploaded file that has the id of the task. `Uploads` removes it at the end. */
@StreamTask({ input: importInput, concurrency: 2 })
export class ImportTask {
  constructor(private readonly uploads: Uploads) {}

  async process(
    task: TaskContext<z.output<typeof importInput>, ImportEvents>,
  ): Promise<{ imported: number; refused: number }> {
    const path = this.uploads.pathOf(task.id);
    const { size } = await stat(path);
    const counts = { imported: 0, refused: 0 };
    let line = 0;
    let read = 0;
    for await (const text of linesOf(createReadStream(path, { signal: task.signal }))) {
      line++;
      read += Buffer.byteLength(text) + 1;
      const reason = faultOf(text);
      if (reason === undefined) {
        await task.sleep(STORING);
        counts.imported++;
      } else {
        await task.sendEvent('refused', { line, text: text.slice(0, 100), reason });
        counts.refused++;
      }
      await task.progress({ percent: percentOf(read, size), message: `${line} lines` });
    }
    return counts;
  }
}

/** Lines of a text. An error of the source is thrown: `readline` would not, and a cancel would end the process. */
async function* linesOf(source: Readable): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of source.setEncoding('utf8')) {
    const lines = `${rest}${String(chunk)}`.split(/\r?\n/);
    rest = lines.pop() ?? '';
    yield* lines;
  }
  if (rest !== '') yield rest;
}

/** Why a line is not imported; `undefined` for one that is. */
function faultOf(line: string): string | undefined {
  const [name = '', amount = '', ...more] = line.split(',');
  if (more.length > 0 || amount === '') return 'expected name,amount';
  if (name.trim() === '') return 'the name is missing';
  return Number.isFinite(Number(amount)) ? undefined : `"${amount.slice(0, 20)}" is no amount`;
}

function percentOf(read: number, size: number): number {
  return size === 0 ? 100 : Math.min(100, Math.floor((100 * read) / size));
}

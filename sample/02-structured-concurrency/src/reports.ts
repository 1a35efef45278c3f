import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Injectable } from '@nestjs/common';
import type { CrawlSummary } from './crawl.js';

/** Where the summaries of crawls are kept. */
@Injectable()
export class Reports {
  readonly directory = resolve(process.env['DATA_DIR'] ?? join(import.meta.dirname, '..', 'data'));

  /** @param id of the crawl: a task's id is safe in a file name */
  async write(id: string, summary: CrawlSummary, signal: AbortSignal): Promise<string> {
    await mkdir(this.directory, { recursive: true });
    const file = join(this.directory, `crawl-${id}.json`);
    await writeFile(file, `${JSON.stringify(summary, undefined, 2)}\n`, { signal });
    return file;
  }
}

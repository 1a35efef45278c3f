import { createHash, randomUUID } from 'node:crypto';
import { extname } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { BadGatewayException } from '@nestjs/common';
import {
  isCancellation,
  type Progress,
  StreamTask,
  type TaskContext,
  type TaskHandler,
} from 'nestjs-streaming';
import { DataDirectory } from './data-directory.js';
import { inputSchema, refuse } from './input.js';
import { megabytes, percentOf, throttledProgress } from './progress.js';

export interface FetchInput {
  readonly url: string;
}

export interface FetchResult {
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
}

const fetchInput = inputSchema<FetchInput>(({ url }) => {
  if (typeof url !== 'string' || !URL.canParse(url)) return refuse('url', 'expected an absolute URL');
  const { protocol, username, password } = new URL(url);
  if (protocol !== 'http:' && protocol !== 'https:') return refuse('url', 'expected an http: or https: URL');
  if (username !== '' || password !== '')
    return refuse('url', 'expected a URL without user name and password');
  return { value: { url } };
});

/** Downloads a URL to disk. A cancel closes the connection and leaves no file. */
@StreamTask({
  input: fetchInput,
  // Progress comes with the bytes: no event for so long means that the source has stopped sending.
  idleTimeout: 30_000,
  // A cancel that comes when the file is already in place changes nothing any more.
  swallowedCancel: 'completed',
})
export class FetchTask implements TaskHandler<FetchInput, FetchResult> {
  constructor(private readonly data: DataDirectory) {}

  async process(task: TaskContext<FetchInput>): Promise<FetchResult> {
    const { url } = task.input;
    try {
      return await this.#download(url, task);
    } catch (error) {
      // What `fetch` and the body throw is short of what went wrong; a cancellation must stay what it is.
      if (isNetworkError(error) && !isCancellation(error, task.signal)) {
        throw new BadGatewayException(`${new URL(url).host}: ${reasonOf(error)}`, { cause: error });
      }
      throw error;
    }
  }

  async #download(url: string, task: TaskContext): Promise<FetchResult> {
    const { signal } = task;
    // Packed by the server, the bytes that arrive would be others than those that it counts.
    const response = await fetch(url, { signal, headers: { 'accept-encoding': 'identity' } });
    if (!response.ok) {
      await response.body?.cancel();
      throw new BadGatewayException(
        `The server answered ${`${response.status} ${response.statusText}`.trim()}`,
      );
    }
    const total = totalOf(response);
    void task.sendEvent('headers', {
      status: response.status,
      contentType: response.headers.get('content-type'),
      contentLength: total,
    });

    const file = nameFor(response.url);
    const hash = createHash('sha256');
    const report = throttledProgress(task);
    const began = performance.now();
    let bytes = 0;
    const measured = async function* (source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
      for await (const chunk of source) {
        hash.update(chunk);
        bytes += chunk.length;
        report(() => progressOf(bytes, total, performance.now() - began));
        yield chunk;
      }
    };
    await this.data.write(file, (sink) => pipeline(bodyOf(response), measured, sink, { signal }));
    return { file, bytes, sha256: hash.digest('hex') };
  }
}

/** Made when the pipeline begins: before that nobody would hear of an error of it. */
function bodyOf({ body }: Response): Readable {
  return body ? Readable.fromWeb(body) : Readable.from([]);
}

function progressOf(bytes: number, total: number | null, ms: number): Progress {
  // The first bytes come all at once and say nothing about the rate.
  const rate = ms < 500 ? '' : ` at ${megabytes(bytes / (ms / 1_000))}/s`;
  if (total === null) return { bytes, message: `${megabytes(bytes)}${rate}` };
  const message = `${megabytes(bytes)} of ${megabytes(total)}${rate}`;
  return { percent: percentOf(bytes, total), bytes, message };
}

/** `null` when the server does not say, or says it of packed bytes. */
function totalOf({ headers }: Response): number | null {
  const length = Number(headers.get('content-length') ?? NaN);
  return length > 0 && headers.get('content-encoding') === null ? length : null;
}

/** The last part of the URL, as far as it is harmless, and unlike the name of any other download. */
function nameFor(url: string): string {
  const last = new URL(url).pathname.split('/').at(-1) ?? '';
  const harmless = last.replaceAll(/[^A-Za-z0-9._-]+/g, '_').replace(/^\.+/, '');
  const extension = extname(harmless).slice(0, 16);
  const stem = harmless.slice(0, harmless.length - extname(harmless).length).slice(0, 80);
  return `${stem || 'download'}-${randomUUID().slice(0, 8)}${extension}`;
}

/** `fetch` and a body that breaks off both throw a TypeError whose cause says why. */
function isNetworkError(error: unknown): error is Error {
  return error instanceof TypeError && error.cause !== undefined;
}

function reasonOf({ cause, message }: Error): string {
  const { message: reason, code } = cause as { message?: string; code?: string };
  // Where several addresses were tried there is an error for each, and no message for all.
  return [reason, code].find((text) => text !== undefined && text !== '') ?? message;
}

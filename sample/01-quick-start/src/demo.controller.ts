import { isIPv6, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { Controller, Get, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import { Corpus } from './corpus.js';
import { DataDirectory } from './data-directory.js';

/** What the page needs to offer something to start. */
export interface DemoInfo {
  /** A task that is older is gone because the server was restarted. */
  readonly startedAt: string;
  readonly downloads: readonly { readonly label: string; readonly url: string }[];
  readonly files: readonly string[];
}

const MB = 1_000_000;

/** Something to download and to count, so that the page is of use without a network. */
@Controller('demo')
export class DemoController {
  readonly #startedAt = new Date().toISOString();

  constructor(private readonly data: DataDirectory) {}

  @Get()
  async info(@Req() request: Request): Promise<DemoInfo> {
    const origin = originOf(request.socket);
    return {
      startedAt: this.#startedAt,
      downloads: [
        { label: 'Slow: 8 MB in 20 s', url: `${origin}/demo/slow.bin` },
        { label: 'Big: 100 MB', url: `${origin}/demo/big.bin` },
        { label: 'Length unknown', url: `${origin}/demo/length-unknown.txt` },
        { label: 'Not there', url: `${origin}/demo/missing.zip` },
      ],
      files: [...new Set([...Corpus.files, ...(await this.data.list())])],
    };
  }

  @Get('slow.bin')
  slow(@Res() response: Response): Promise<void> {
    return send(response, { bytes: 8 * MB, bytesPerSecond: 0.4 * MB });
  }

  @Get('big.bin')
  big(@Res() response: Response): Promise<void> {
    return send(response, { bytes: 100 * MB, bytesPerSecond: 25 * MB });
  }

  @Get('length-unknown.txt')
  unknownLength(@Res() response: Response): Promise<void> {
    return send(response, { bytes: 3 * MB, bytesPerSecond: 0.5 * MB, hideLength: true });
  }
}

interface Download {
  readonly bytes: number;
  readonly bytesPerSecond: number;
  readonly hideLength?: boolean;
}

async function send(
  response: Response,
  { bytes, bytesPerSecond, hideLength = false }: Download,
): Promise<void> {
  response.type(hideLength ? 'text/plain' : 'application/octet-stream');
  if (!hideLength) response.setHeader('Content-Length', bytes);
  // A client that goes away in the middle is what this is for.
  await pipeline(Readable.from(paced(bytes, bytesPerSecond)), response).catch(() => undefined);
}

/** So many bytes, in portions that keep to the rate. */
async function* paced(bytes: number, bytesPerSecond: number): AsyncGenerator<Buffer> {
  const pause = 50;
  const portion = Buffer.alloc(Math.ceil((bytesPerSecond * pause) / 1_000), 'to be continued, ');
  const began = performance.now();
  for (let sent = 0; sent < bytes; sent += portion.length) {
    yield portion.subarray(0, Math.min(portion.length, bytes - sent));
    const due = began + ((sent + portion.length) / bytesPerSecond) * 1_000;
    await delay(Math.max(0, due - performance.now()));
  }
}

/** Where this server reaches itself, which is not where a browser reaches it when there is a proxy between. */
function originOf({ localAddress = '127.0.0.1', localPort }: Socket): string {
  const address = localAddress.replace(/^::ffff:/, '');
  return `http://${isIPv6(address) ? `[${address}]` : address}:${localPort}`;
}

import { Readable } from 'node:stream';
import { BadRequestException, PayloadTooLargeException } from '@nestjs/common';
import { StreamingError } from '../../cancellation/errors.js';
import { quoted } from '../../cancellation/read-error.js';
import { InvalidInputError } from '../../task/errors.js';
import { type PlatformRequest, rawRequest } from './http-exchange.js';

const JSON_TYPE = /^application\/(?:[^;,\s]+\+)?json\s*(?:;|$)/i;
const OTHER_CHARSET = /;\s*charset\s*=\s*(?!"?utf-?8\b)/i;

/** Bytes of a body that is read here, because the application has no parser for it: as many as Fastify's own take. */
const MAX_BODY_BYTES = 1_048_576;

/** A body that is not JSON, or that cannot be read as JSON. */
class UnsupportedMediaTypeError extends StreamingError {
  override readonly name = 'UnsupportedMediaTypeError';
  readonly code = 'UNSUPPORTED_MEDIA_TYPE';
}

/**
 * The JSON body of a request; `undefined` when no byte of a body was sent, whatever the headers say.
 *
 * What the application's body parser has left is taken as far as it is JSON or the text of it. A body that no parser has
 * read is read here.
 *
 * @throws UnsupportedMediaTypeError for a body of another content type, InvalidInputError for one that is no object or
 *   array, Nest's PayloadTooLargeException for one that is read here and over 1 MiB
 */
export async function jsonBody(request: PlatformRequest): Promise<object | undefined> {
  if (!mayHaveBody(request)) return undefined;
  const type = request.headers['content-type'];
  const isJson = type !== undefined && JSON_TYPE.test(type);
  const body = await sentBody(request, isJson ? MAX_BODY_BYTES : 0);
  if (body === undefined) return undefined;
  if (!isJson) {
    throw new UnsupportedMediaTypeError(
      `Expected the content type application/json, got ${type === undefined ? 'none' : quoted(type)}`,
    );
  }
  const value = typeof body === 'string' || body instanceof Uint8Array ? parse(request, body) : body;
  if (typeof value === 'object' && value !== null) return value;
  throw new InvalidInputError('Over HTTP the body must be a JSON object or array');
}

/** Whether its headers allow a body. HTTP/2 needs neither header: there only the stream itself can tell. */
function mayHaveBody(request: PlatformRequest): boolean {
  const { headers } = request;
  const length = headers['content-length'];
  if (length !== undefined) return Number(length) > 0;
  return headers['transfer-encoding'] !== undefined || rawRequest(request).httpVersionMajor >= 2;
}

/**
 * @param most bytes to read of a body that no parser has read. Of a longer one the result only says that there is one
 * @returns the JSON value that a parser has left, or text, or bytes; `undefined` when nothing was sent
 */
async function sentBody(request: PlatformRequest, most: number): Promise<unknown> {
  const { body, headers } = request;
  const raw = rawRequest(request);
  if (isSomething(body)) return body;
  if (isUnread(raw)) {
    if (isEncoded(request) && most > 0) throw unread(request);
    return readBytes(raw, most);
  }
  // A parser makes `{}` of no bytes as well.
  if (headers['content-length'] === undefined && !raw.readableDidRead) return undefined;
  if (body === undefined || body instanceof Readable || body === '') {
    throw unread(request);
  }
  return body;
}

/** Whether a parser must have left it: some set an empty object, or hand the stream on, without having read anything. */
function isSomething(body: unknown): boolean {
  if (body === undefined || body === null || body === '' || body instanceof Readable) return false;
  return typeof body !== 'object' || Array.isArray(body) || Object.keys(body).length > 0;
}

function isUnread(raw: Readable): boolean {
  return raw instanceof Readable && !raw.readableDidRead && !raw.readableEnded && !raw.destroyed;
}

/** Whether it is anything but plain UTF-8. */
function isEncoded({ headers }: PlatformRequest): boolean {
  const { 'content-encoding': encoding = 'identity', 'content-type': type = '' } = headers;
  return !/^(?:identity)?$/i.test(encoding) || OTHER_CHARSET.test(type);
}

/**
 * Reads a stream to its end. The rest of one that has more than `most` is let go: unread, it would hold up the next
 * request of the connection.
 *
 * @returns `undefined` when there was nothing
 */
async function readBytes(stream: Readable, most: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  let stop = (): void => {};
  try {
    await new Promise<void>((resolve, reject) => {
      const onData = (chunk: Buffer | string): void => {
        const bytes = Buffer.from(chunk);
        chunks.push(bytes);
        size += bytes.length;
        if (size > most) resolve();
      };
      const onEnd = (): void => resolve();
      const onGone = (): void => reject(new BadRequestException('The request was aborted'));
      stream.on('data', onData).on('end', onEnd).on('error', onGone).on('close', onGone);
      stop = () => {
        stream.off('data', onData).off('end', onEnd).off('error', onGone).off('close', onGone);
      };
    });
  } finally {
    stop();
    stream.resume();
  }
  if (most > 0 && size > most) {
    throw new PayloadTooLargeException(`The body is over ${most} bytes, and no body parser has taken it`);
  }
  return size > 0 ? Buffer.concat(chunks) : undefined;
}

function unread({ headers }: PlatformRequest): UnsupportedMediaTypeError {
  const { 'content-encoding': encoding, 'content-type': type = '' } = headers;
  const encoded = encoding === undefined ? '' : `, encoded as ${quoted(encoding)},`;
  return new UnsupportedMediaTypeError(
    `No body parser of the application has read a body of the type ${quoted(type)}${encoded} as JSON`,
  );
}

function parse(request: PlatformRequest, body: string | Uint8Array): unknown {
  const isText = typeof body === 'string';
  // A JSON parser leaves a string, too, where that is what the JSON is: it is shorter than the body, which has quotes.
  const length = request.headers['content-length'];
  if (isText && length !== undefined && !isEncoded(request) && Buffer.byteLength(body) < Number(length)) {
    return body;
  }
  try {
    return JSON.parse(isText ? body : new TextDecoder().decode(body)) as unknown;
  } catch {
    return body instanceof Uint8Array ? undefined : body;
  }
}

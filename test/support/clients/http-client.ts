import { expect } from '@jest/globals';
import { request, type IncomingHttpHeaders } from 'node:http';
import { deferred, patience, withTimeout } from '../wait.js';

export interface CallOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON, with its content type. */
  readonly json?: unknown;
  /** Sent as it is, without a content type of its own. */
  readonly body?: string | Buffer;
  /** Longest wait for the whole answer. Milliseconds, default {@link patience}: less than a test has, so that it is told. */
  readonly timeout?: number;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The text read as JSON; `undefined` when it is none. */
  readonly body: unknown;
}

/** One request over a connection of its own, and the whole answer to it. */
export async function call(method: string, url: string, options: CallOptions = {}): Promise<Answer> {
  const { headers = {}, json, timeout = patience } = options;
  const body = json === undefined ? options.body : JSON.stringify(json);
  const answered = deferred<Answer>();
  const clientRequest = request(url, {
    method,
    agent: false,
    headers: {
      accept: 'application/json',
      ...(json !== undefined && { 'content-type': 'application/json' }),
      ...(body !== undefined && { 'content-length': String(Buffer.byteLength(body)) }),
      ...headers,
    },
  });
  clientRequest.on('error', answered.reject);
  clientRequest.on('response', (response) => {
    const chunks: Buffer[] = [];
    response.on('data', (chunk: Buffer) => chunks.push(chunk));
    response.on('error', answered.reject);
    response.on('end', () => {
      const text = Buffer.concat(chunks).toString();
      answered.resolve({
        status: response.statusCode ?? 0,
        headers: response.headers,
        text,
        body: parseJson(text),
      });
    });
  });
  clientRequest.end(body);
  try {
    return await withTimeout(answered.promise, timeout, `the answer to ${method} ${url}`);
  } finally {
    clientRequest.destroy();
  }
}

/** Asserts that an answer is this error, in JSON. */
export function expectError(answer: Answer, statusCode: number, code: string): void {
  expect(answer).toMatchObject({
    status: statusCode,
    body: { statusCode, code, message: expect.any(String) },
  });
  expect(answer.headers['content-type']).toMatch(/^application\/json/);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

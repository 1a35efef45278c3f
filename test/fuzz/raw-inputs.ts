import * as fc from 'fast-check';
import { encodeRequest, request, tasks } from './requests.js';

/** What one connection does: bytes in some pieces, and how it goes away. */
export interface RawInput {
  readonly pieces: readonly Buffer[];
  /** Whether other work has its turn between two pieces. */
  readonly pauses: boolean;
  /**
   * `reset` and `close` at once, wherever the server is; `listen`: when it has had some turns to answer; `half`: the
   * client says that it has said all, and reads on.
   */
  readonly leaves: 'reset' | 'close' | 'listen' | 'half';
}

const ok = `GET /stream/${tasks.app}/plain/${tasks.done}/status HTTP/1.1\r\nHost: x\r\n\r\n`;
const watch = `GET /stream/${tasks.app}/plain/${tasks.live} HTTP/1.1\r\nHost: x\r\n\r\n`;

/** Requests that are wrong in one known way. */
const broken = [
  'GET\r\n\r\n',
  'GET /\r\n\r\n',
  'GET  / HTTP/1.1\r\n\r\n',
  'get /stream HTTP/1.1\r\nHost: x\r\n\r\n',
  'GET /stream HTTP/1.1\r\n\r\n',
  'GET /stream HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n',
  'GET /stream HTTP/1.0\r\n\r\n',
  'GET /stream HTTP/0.9\r\n\r\n',
  'GET /stream HTTP/2.0\r\nHost: x\r\n\r\n',
  'GET /stream HTTP/9999999999.1\r\nHost: x\r\n\r\n',
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'CONNECT example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n',
  'OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n',
  'GET http://x:99999/stream HTTP/1.1\r\nHost: x\r\n\r\n',
  'GET //x/stream HTTP/1.1\r\nHost: x\r\n\r\n',
  'GET ?lastEventId=1 HTTP/1.1\r\nHost: x\r\n\r\n',
  'GET /stream#x HTTP/1.1\r\nHost: x\r\n\r\n',
  'GET /stream\0 HTTP/1.1\r\nHost: x\r\n\r\n',
  'GET /stream/\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n',
  'GET /stream HTTP/1.1\nHost: x\n\n',
  'GET /stream HTTP/1.1\rHost: x\r\r',
  'GET /stream HTTP/1.1\r\nHost: x\r\nNo colon\r\n\r\n',
  'GET /stream HTTP/1.1\r\nHost: x\r\n: no name\r\n\r\n',
  'GET /stream HTTP/1.1\r\nHost: x\r\nX-\0: y\r\n\r\n',
  'GET /stream HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n',
  'GET /stream HTTP/1.1\r\nHost: x\r\nX: a\rb\r\n\r\n',
  `GET /stream HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`,
  `GET /stream HTTP/1.1\r\nHost: x\r\n${'X: y\r\n'.repeat(2_500)}\r\n`,
  `GET /${'x'.repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
  `${watch.slice(0, -2)}Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n`,
  `${watch.slice(0, -2)}Expect: 100-continue\r\n\r\n`,
  `${watch.slice(0, -2)}Expect: nonsense\r\n\r\n`,
  `${watch.slice(0, -2)}Content-Length: 100000\r\n\r\n`,
  `${watch.slice(0, -2)}Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n`,
  `${watch.slice(0, -2)}Transfer-Encoding: chunked\r\n\r\n-1\r\n`,
  `${watch.slice(0, -2)}Transfer-Encoding: chunked\r\n\r\n1;${'x'.repeat(20_000)}\r\na\r\n0\r\n\r\n`,
  `${watch.slice(0, -2)}Content-Length: -1\r\n\r\n`,
  `${watch.slice(0, -2)}Content-Length: 99999999999999999999\r\n\r\n`,
  `${watch.slice(0, -2)}Connection: close, keep-alive, ,\r\n\r\n`,
  `POST /stream/${tasks.app}/plain HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{"a":`,
  `POST /stream/${tasks.app}/plain HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9999999\r\n\r\n{"a":`,
  '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
  '\r\n\r\n\r\n',
  '\0\0\0\0',
];

const text = (given: string): Buffer => Buffer.from(given, 'latin1');

const sound = fc.oneof(
  { weight: 3, arbitrary: request.map(encodeRequest) },
  { weight: 1, arbitrary: fc.constantFrom(text(ok), text(watch)) },
);

type Mutation = (bytes: Buffer) => Buffer;

const at = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });
const piece = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 6 }).map((bytes) => Buffer.from(bytes)),
  fc
    .constantFrom(
      '\r\n',
      '\n',
      '\r',
      '\0',
      ' ',
      '\t',
      ':',
      '\r\n\r\n',
      '\r\nX-Injected: 1\r\n',
      'HTTP/1.1',
      '%',
      '0\r\n\r\n',
      'chunked',
    )
    .map(text),
);
const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.tuple(at, piece).map(
    ([where, bytes]): Mutation =>
      (given) =>
        splice(given, where, 0, bytes),
  ),
  fc.tuple(at, fc.nat({ max: 8 })).map(
    ([where, count]): Mutation =>
      (given) =>
        splice(given, where, count, Buffer.alloc(0)),
  ),
  fc.tuple(at, piece).map(
    ([where, bytes]): Mutation =>
      (given) =>
        splice(given, where, bytes.length, bytes),
  ),
  at.map(
    (where): Mutation =>
      (given) =>
        given.subarray(0, Math.floor(where * given.length)),
  ),
  at.map(
    (where): Mutation =>
      (given) =>
        Buffer.concat([given, given.subarray(Math.floor(where * given.length))]),
  ),
);

function splice(given: Buffer, where: number, count: number, bytes: Buffer): Buffer {
  const from = Math.floor(where * given.length);
  return Buffer.concat([given.subarray(0, from), bytes, given.subarray(from + count)]);
}

const bytes = fc.oneof(
  {
    weight: 3,
    arbitrary: fc
      .tuple(sound, fc.array(mutation, { minLength: 1, maxLength: 4 }))
      .map(([given, mutations]) => mutations.reduce((done, mutate) => mutate(done), given)),
  },
  { weight: 3, arbitrary: fc.constantFrom(...broken).map(text) },
  // Pipelined: what is sound, and what is not.
  {
    weight: 3,
    arbitrary: fc
      .array(fc.oneof(sound, fc.constantFrom(...broken).map(text)), { minLength: 2, maxLength: 5 })
      .map((all) => Buffer.concat(all)),
  },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 400 }).map((random) => Buffer.from(random)) },
);

/** Anything a connection can do. */
export const rawInput: fc.Arbitrary<RawInput> = fc
  .record({
    bytes,
    cuts: fc.array(at, { maxLength: 4 }),
    pauses: fc.boolean(),
    leaves: fc.constantFrom<RawInput['leaves'][]>('reset', 'close', 'listen', 'half'),
  })
  .map(({ bytes: all, cuts, ...rest }) => {
    const ends = [...cuts.map((cut) => Math.floor(cut * all.length)), all.length].toSorted((a, b) => a - b);
    const pieces = ends.map((end, index) => all.subarray(ends[index - 1] ?? 0, end));
    return { ...rest, pieces: pieces.filter(({ length }) => length > 0) };
  });

/** Ways to say twice, and differently, where a body ends. */
export const ambiguousFraming: readonly string[] = [
  'Content-Length: 4\r\nTransfer-Encoding: chunked',
  'Transfer-Encoding: chunked\r\nContent-Length: 4',
  'Content-Length: 4\r\nContent-Length: 5',
  'Content-Length: 4, 5',
  'Content-Length: +4',
  'Content-Length: 0x4',
  'Content-Length: 4 4',
  'Content-Length : 4',
  'Transfer-Encoding: xchunked',
  'Transfer-Encoding: chunked, identity',
  'Transfer-Encoding: "chunked"',
  'Transfer-Encoding : chunked',
  'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity',
  'Transfer-Encoding: identity\r\nContent-Length: 4',
  'Transfer-Encoding:\x0bchunked',
  'Transfer-Encoding: chunked\0',
  'X: y\nTransfer-Encoding: chunked',
  'X: y\rTransfer-Encoding: chunked',
  'Content-Length: 4\r\n Transfer-Encoding: chunked',
];

import * as fc from 'fast-check';

/** A request whose HTTP is sound, whatever it says. Text is latin1: one character is one byte. */
export interface FuzzRequest {
  readonly method: string;
  /** As they stand in the path, behind `/stream`. */
  readonly segments: readonly string[];
  /** As it stands behind the `?`. */
  readonly query: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string | undefined;
  readonly chunked: boolean;
}

/** The tasks there are. `live` runs, `done` has ended, and both have a log that was trimmed. */
export const tasks = { app: 'fuzz', live: 'live', done: 'done' } as const;
/** The path of the stream of many tasks. */
export const manyTasks = 'events';
/** The task types there are: without a check of its input, with a schema, with a class. */
export const typeNames = ['plain', 'schema', 'dto'] as const;

const nasty = [
  '.',
  '..',
  '%2e',
  '%2e%2e',
  '%2F',
  '%00',
  '%0d%0aX-Injected:%201',
  '%',
  '%zz',
  '%ff',
  '%E0%A4%A',
  '%25',
  '%252e',
  '%F0%9F%92%A5',
  '<script>alert(1)',
  '%3Cscript%3Ealert(1)%3C%2Fscript%3E',
  '__proto__',
  'constructor',
  'toString',
  'a:b',
  'a;b',
  '*',
  ':id',
  '{id}',
  '(.*)',
  '~',
  '-',
  'status',
  'signals',
  'null',
  'undefined',
];

const pathCharacter = fc.mapToConstant({ num: 94, build: (n) => String.fromCharCode(33 + n) });
/** What a path may hold without ending: no `/`, `?` or `#`. */
const rawSegment = fc
  .string({ unit: pathCharacter, minLength: 1, maxLength: 12 })
  .map((text) => text.replace(/[/?#]/g, '_'));
const escapedSegment = fc
  .uint8Array({ minLength: 1, maxLength: 8 })
  .map((bytes) => Array.from(bytes, (byte) => `%${byte.toString(16).padStart(2, '0')}`).join(''));
const longSegment = fc
  .tuple(fc.constantFrom('a', '%61', '.', 'é', '~'), fc.integer({ min: 60, max: 3_000 }))
  .map(([text, count]) => (text === 'é' ? '%C3%A9' : text).repeat(text.length === 3 ? count / 3 : count));

function segment(...usual: string[]): fc.Arbitrary<string> {
  return fc.oneof(
    { weight: 40, arbitrary: fc.constantFrom(...usual) },
    { weight: 2, arbitrary: fc.constantFrom(...nasty) },
    { weight: 1, arbitrary: rawSegment },
    { weight: 1, arbitrary: escapedSegment },
    { weight: 1, arbitrary: longSegment },
  );
}

const app = segment(tasks.app);
const name = segment(...typeNames);
const id = segment(tasks.live, tasks.done, tasks.live, tasks.done, 'none', 'new-1', 'new-2');

const pathOf = fc.oneof(
  { weight: 5, arbitrary: fc.tuple(app, name, id) },
  { weight: 2, arbitrary: fc.tuple(app, name) },
  { weight: 2, arbitrary: fc.tuple(app, name, id, fc.constant('status')) },
  {
    weight: 3,
    arbitrary: fc.tuple(app, name, id, fc.constant('signals'), segment('go', 'a.b', 'started', 'no%20name')),
  },
  { weight: 1, arbitrary: fc.constant<string[]>([]) },
  { weight: 3, arbitrary: fc.constant([manyTasks]) },
  { weight: 1, arbitrary: fc.array(segment('x', tasks.app), { maxLength: 8 }) },
);

/** Stand for an id of the task's own log, which the request itself cannot know. */
export const placeholders = ['@done', '@live', '@ahead', '@first'] as const;

const position = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom<string>(...placeholders) },
  {
    weight: 2,
    arbitrary: fc.constantFrom('', '0', '3', '-1', 'abcdefgh-1', 'abcdefgh-', '-', 'null', '@done,@done'),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(
        fc.string({ unit: fc.constantFrom('a', 'b', 'z', '0', '1', '9'), minLength: 6, maxLength: 18 }),
        fc.bigInt({ min: -2n, max: 1n << 70n }),
      )
      .map(([epoch, seq]) => `${epoch}-${seq}`),
  },
  { weight: 1, arbitrary: fc.integer({ min: 100, max: 6_000 }).map((count) => 'x'.repeat(count)) },
);

/** Every byte that HTTP takes in the value of a header. */
const headerValue = fc
  .string({
    unit: fc
      .integer({ min: 0x20, max: 0xff })
      .map((byte) => (byte === 0x7f ? '\t' : String.fromCharCode(byte))),
    maxLength: 40,
  })
  .map((text) => text.trim());

const escaped = fc.oneof(
  position,
  fc.constantFrom(
    'latest',
    'oldest',
    '',
    'LATEST',
    '%00',
    '%',
    '%ff',
    '1',
    '0',
    '30000',
    '30001',
    '1e3',
    '0x1',
    '-1',
    '%2B1',
    '+1',
    'NaN',
    '99999999999999999999',
  ),
  headerValue.map((text) => encodeURIComponent(text)),
  rawSegment.map((text) => text.replace(/[&=]/g, '')),
);
const parameterName = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.constantFrom(
      'lastEventId',
      'from',
      'wait',
      'limit',
      'cursor',
      'detail',
      'status',
      'app',
      'name',
    ),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      'lastEventId[]',
      'from[]',
      'wait[0]',
      'limit[a]',
      'cursor[__proto__]',
      '__proto__',
      'constructor',
      '__proto__[x]',
      'l%61stEventId',
      '%',
      '',
    ),
  },
  { weight: 1, arbitrary: rawSegment.map((text) => text.replace(/[&=]/g, '')) },
);
const parameters = fc
  .array(fc.tuple(parameterName, escaped, fc.boolean()), { maxLength: 4 })
  .map((all) =>
    all.map(([key, value, twice]) => `${key}=${value}${twice ? `&${key}=${value}` : ''}`).join('&'),
  );

const listed = fc.oneof(
  { weight: 12, arbitrary: fc.tuple(app, name, id).map((parts) => parts.join('/')) },
  { weight: 3, arbitrary: fc.tuple(app, name, id).map((parts) => parts.join('%2F')) },
  { weight: 1, arbitrary: fc.tuple(app, name).map((parts) => parts.join('/')) },
  { weight: 1, arbitrary: escaped },
);
const list = fc
  .array(listed, { maxLength: 5 })
  .map((paths) => paths.map((path) => `task=${path.replace(/[&#]/g, '')}`).join('&'));

const query = fc.oneof(
  { weight: 3, arbitrary: parameters },
  {
    weight: 1,
    arbitrary: fc.tuple(list, parameters).map((both) => both.filter((part) => part !== '').join('&')),
  },
);

const contentType = fc.oneof(
  { weight: 8, arbitrary: fc.constant('application/json') },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      'application/json; charset=utf-8',
      'application/json; charset=utf-16',
      'application/json;charset=nonsense',
      'application/vnd.api+json',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      'text/plain',
      'text/html',
      'application/jsonp',
      'application/json, text/html',
      '',
      '*/*',
    ),
  },
  { weight: 1, arbitrary: headerValue },
);

const header = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.tuple(
      fc.constant('Last-Event-ID'),
      fc.oneof({ weight: 4, arbitrary: position }, headerValue),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(
      fc.constant('Accept'),
      fc.oneof(
        fc.constantFrom(
          'text/event-stream',
          '*/*',
          'text/html',
          'application/json',
          'TEXT/EVENT-STREAM;q=0',
          ',,;',
        ),
        headerValue,
      ),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(
      fc.constant('If-Match'),
      fc.oneof(fc.constantFrom('*', '"@done"', '@live', ',', '""'), headerValue),
    ),
  },
  { weight: 3, arbitrary: fc.tuple(fc.constant('Content-Type'), contentType) },
  {
    weight: 1,
    arbitrary: fc.tuple(
      fc.constant('Content-Encoding'),
      fc.constantFrom('gzip', 'identity', 'br', 'nonsense', ''),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(
      fc.constantFrom(
        'Origin',
        'Cookie',
        'Authorization',
        'If-None-Match',
        'If-Modified-Since',
        'Range',
        'X-Forwarded-For',
        'X-HTTP-Method-Override',
        'Accept-Encoding',
        'Accept-Language',
        '__proto__',
        'constructor',
      ),
      headerValue,
    ),
  },
);

const deep = fc
  .tuple(fc.constantFrom('[', '{"a":'), fc.integer({ min: 10, max: 9_000 }), fc.boolean())
  .map(
    ([open, depth, closes]) =>
      open.repeat(depth) + (closes ? `1${(open === '[' ? ']' : '}').repeat(depth)}` : ''),
  );

const anyBody = fc.oneof(
  { weight: 6, arbitrary: fc.constant(undefined) },
  { weight: 4, arbitrary: fc.json({ maxDepth: 4 }) },
  {
    weight: 3,
    arbitrary: fc.constantFrom('{}', '[]', '{"n":1}', '{"n":"x"}', '{"child":{"n":1}}', ' {"n":1} '),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      '{"__proto__":{"polluted":1}}',
      '{"constructor":{"prototype":{"polluted":1}}}',
      '{"n":1,"__proto__":null}',
      '{"child":{"__proto__":{"n":1}}}',
      '{"toString":1,"toJSON":1,"then":1,"valueOf":null}',
      '{"length":1e9}',
    ),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      '',
      '{',
      '{"a":}',
      '[1,',
      'null',
      '1',
      '"text"',
      'NaN',
      "{'a':1}",
      '{"a":1}x',
      '\xff\xfe',
      '\xef\xbb\xbf{}',
      '<b>x</b>',
      '{"a":"\\ud800"}',
    ),
  },
  { weight: 2, arbitrary: deep },
  { weight: 1, arbitrary: headerValue },
);

/** Any request that is sound HTTP. */
export const request: fc.Arbitrary<FuzzRequest> = fc.record({
  method: fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom('GET', 'GET', 'HEAD', 'DELETE', 'POST', 'PUT') },
    {
      weight: 1,
      arbitrary: fc.constantFrom('PATCH', 'OPTIONS', 'TRACE', 'PROPFIND', 'PURGE', 'QUERY', 'M-SEARCH'),
    },
  ),
  segments: pathOf,
  query,
  headers: fc.array(header, { maxLength: 3 }),
  body: anyBody,
  chunked: fc.boolean(),
});

/** Its bytes on the wire. */
export function encodeRequest(given: FuzzRequest): Buffer {
  const { method, headers, body, chunked } = given;
  const lines = [
    `${method} ${targetOf(given)} HTTP/1.1`,
    'Host: 127.0.0.1',
    ...headers.map(([key, value]) => `${key}: ${value}`),
  ];
  if (body !== undefined)
    lines.push(chunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${body.length}`);
  const head = `${lines.join('\r\n')}\r\n\r\n`;
  return Buffer.from(head + framed(body ?? '', body !== undefined && chunked), 'latin1');
}

export function targetOf({ segments, query: search }: FuzzRequest): string {
  return `${['/stream', ...segments].join('/')}${search === '' ? '' : `?${search}`}`;
}

function framed(text: string, chunked: boolean): string {
  if (!chunked) return text;
  const chunk = text === '' ? '' : `${text.length.toString(16)}\r\n${text}\r\n`;
  return `${chunk}0\r\n\r\n`;
}

/** Reads what a server wrote as HTTP/1.1 answers, one after the other. Text is latin1: one character is one byte. */

export interface FuzzAnswer {
  readonly status: number;
  /** In lower case; the values of one that came twice are joined. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
  /** Whether all of it is there: a stream that goes on has no end yet. */
  readonly whole: boolean;
}

/** What must be known to read an answer. */
export interface AnswerTo {
  /** An answer to `HEAD` has no body. */
  readonly method: string;
  /** The stream that is asked for does not end: its answer is there once it has begun. */
  readonly goesOn?: boolean;
  /** Nothing more will come, so an answer without a length is whole. */
  readonly closed?: boolean;
}

/** The first answer in a text and what follows it; `undefined` while it is not complete. */
export function readAnswer(
  text: string,
  to: AnswerTo,
): { readonly answer: FuzzAnswer; readonly rest: string } | undefined {
  const { method, goesOn = false, closed = false } = to;
  const at = text.indexOf('\r\n\r\n');
  if (at === -1) return undefined;
  const [first = '', ...lines] = text.slice(0, at).split('\r\n');
  const status = Number(/^HTTP\/1\.1 ([1-5][0-9]{2})(?: |$)/.exec(first)?.[1] ?? NaN);
  if (Number.isNaN(status)) throw new Error(`No status line: ${JSON.stringify(first.slice(0, 200))}`);
  const after = text.slice(at + 4);
  // "100 Continue" comes before the answer.
  if (status < 200) return readAnswer(after, to);
  const headers = readHeaders(lines);
  const make = (body: string, rest: string, whole = true) => ({
    answer: { status, headers, body, whole },
    rest,
  });
  if (method === 'HEAD' || status === 204 || status === 304) return make('', after);
  if (headers.get('transfer-encoding') === 'chunked') {
    const { body, rest } = joinChunks(after);
    if (rest !== undefined) return make(body, rest);
    return closed || (goesOn && body.includes(': connected\n')) ? make(body, '', false) : undefined;
  }
  const length = headers.get('content-length');
  if (length === undefined) return closed ? make(after, '') : undefined;
  const end = Number(length);
  return after.length >= end ? make(after.slice(0, end), after.slice(end)) : undefined;
}

function readHeaders(lines: readonly string[]): Map<string, string> {
  const headers = new Map<string, string>();
  for (const line of lines) {
    const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*$/s.exec(line);
    if (!match || /[\0\r\n]/.test(line)) throw new Error(`No header: ${JSON.stringify(line)}`);
    const name = String(match[1]).toLowerCase();
    const before = headers.get(name);
    headers.set(name, before === undefined ? String(match[2]) : `${before}, ${match[2]}`);
  }
  return headers;
}

/** `rest` is what follows the last chunk; `undefined` while that is missing. */
function joinChunks(text: string): { readonly body: string; readonly rest?: string } {
  let body = '';
  for (let at = 0; ;) {
    const lineEnd = text.indexOf('\r\n', at);
    if (lineEnd === -1) return { body };
    const size = text.slice(at, lineEnd);
    if (!/^[0-9a-f]+$/i.test(size)) throw new Error(`No chunk: ${JSON.stringify(size.slice(0, 200))}`);
    const length = Number.parseInt(size, 16);
    const end = lineEnd + 2 + length;
    if (text.length < end + 2) return { body: body + text.slice(lineEnd + 2, end) };
    if (text.slice(end, end + 2) !== '\r\n') throw new Error('A chunk without its end');
    if (length === 0) return { body, rest: text.slice(end + 2) };
    body += text.slice(lineEnd + 2, end);
    at = end + 2;
  }
}

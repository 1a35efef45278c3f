import { describe, expect, it } from '@jest/globals';
import type { RunEvent } from 'nestjs-streaming/client';
import { completed, frame, OPEN, readAll, runOf, ScriptedServer, stream } from './support.js';

/** Its pieces are written one by one. */
async function read(...pieces: readonly (string | Buffer)[]): Promise<RunEvent[]> {
  const server = await ScriptedServer.open(stream(...pieces, completed(9), OPEN));
  const events = await readAll(runOf(server));
  expect(server.asked).toHaveLength(1);
  return events.slice(0, -1);
}

const one = { id: 'epoch-1', type: 'n', data: 1 };

describe('a stream is read as the HTML standard says', () => {
  it.each<[string, readonly (string | Buffer)[]]>([
    ['with a byte order mark', ['\uFEFFevent: n\ndata: 1\nid: epoch-1\n\n']],
    ['with lines that end in CR', ['event: n\rdata: 1\rid: epoch-1\r\r:\r']],
    ['with lines that end in CRLF', ['event: n\r\ndata: 1\r\nid: epoch-1\r\n\r\n']],
    ['with a CRLF that comes in two pieces', ['event: n\r', '\ndata: 1\r', '\nid: epoch-1\r', '\n\r', '\n']],
    ['without a space behind the colon', ['event:n\ndata:1\nid:epoch-1\n\n']],
    ['with comments and unknown fields', [': hi\nfoo: bar\nevent: n\n:\ndata: 1\nid: epoch-1\nbaz\n\n']],
    ['with data of many lines', ['event: n\ndata: [\ndata: 1\ndata: ]\nid: epoch-1\n\n']],
    ['with a retry that is none', ['retry: soon\nevent: n\ndata: 1\nid: epoch-1\n\n']],
    ['byte by byte', 'event: n\ndata: 1\nid: epoch-1\n\n'.split('')],
  ])('%s', async (name, pieces) => {
    const data = name === 'with data of many lines' ? [1] : 1;
    expect(await read(...pieces)).toEqual([{ ...one, data }]);
  });

  it('with letters of many bytes that come in pieces', async () => {
    const bytes = Buffer.from(frame('epoch-1', 'text', 'grün 💥\u2028'));
    const pieces = Array.from(bytes, (_, index) => bytes.subarray(index, index + 1));
    expect(await read(...pieces)).toEqual([{ id: 'epoch-1', type: 'text', data: 'grün 💥\u2028' }]);
  });

  it('with an id that has a NUL, which is none', async () => {
    expect(await read(frame('epoch-1', 'n', 1), frame('a\0b', 'n', 2))).toEqual([
      one,
      { id: 'epoch-1', type: 'n', data: 2 },
    ]);
  });

  it('without an event for a blank line or for fields without data', async () => {
    expect(await read('\n\nevent: n\nid: epoch-5\n\n', frame('epoch-1', 'n', 1))).toEqual([one]);
  });
});

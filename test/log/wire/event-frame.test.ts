import { describe, expect, it } from '@jest/globals';
import { createParser, type EventSourceMessage } from 'eventsource-parser';
import * as fc from 'fast-check';
import { formatEventId } from '../../../lib/log/wire/event-id.js';
import { formatFrame, frameLength, jsonOf } from '../../../lib/log/wire/event-frame.js';
import { toJson } from '../../../lib/task/json/json.js';

const types = fc.stringMatching(/^[A-Za-z0-9._:-]{1,64}$/);
const ids = fc.stringMatching(/^[a-z0-9]{8,20}-[1-9][0-9]{0,14}$/);

/** What breaks the encoders of others, and what an ordinary string is made of. */
const nasty = fc.constantFrom(
  '\n',
  '\r',
  '\r\n',
  '\n\n',
  '\r\r',
  '\u0000',
  '\u2028',
  '\u2029',
  '\u0085',
  '\uFEFF',
  '\uD800',
  '\uDFFF',
  '\uDC00\uD800',
  '💥',
  'event: admin\n',
  'data: x\n\n',
  'id: 1\n',
  ': comment\n',
  'retry: 1\n',
  ' ',
  '"',
  '\\',
);
const texts = fc
  .array(
    fc.oneof(nasty, fc.string({ unit: 'binary' }), fc.string({ unit: fc.constantFrom('a', '\uD83D') })),
    {
      maxLength: 8,
    },
  )
  .map((parts) => parts.join(''));
const json = fc
  .jsonValue()
  .chain((value) =>
    fc.oneof(
      fc.constant(value),
      texts,
      fc.array(texts),
      fc.dictionary(texts, fc.oneof(texts, fc.constant(value))),
    ),
  );

function parse(chunks: readonly Uint8Array[]): EventSourceMessage[] {
  const messages: EventSourceMessage[] = [];
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const parser = createParser({
    onEvent: (message) => {
      messages.push(message);
    },
    onError: (error) => {
      throw error;
    },
  });
  for (const chunk of chunks) parser.feed(decoder.decode(chunk, { stream: true }));
  parser.feed(decoder.decode());
  return messages;
}

function byteByByte(bytes: Buffer): Buffer[] {
  return Array.from(bytes, (byte) => Buffer.of(byte));
}

describe('a frame', () => {
  it('is written as documented, with the id last', () => {
    expect(formatFrame('progress', '{"percent":10}', 'k3v9x2ab-2')).toBe(
      'event: progress\ndata: {"percent":10}\nid: k3v9x2ab-2\n\n',
    );
  });

  it('is read back the same by a parser of the standard, whole and byte by byte', () => {
    fc.assert(
      fc.property(types, json, ids, (type, value, id) => {
        const frame = Buffer.from(formatFrame(type, toJson(value), id));
        const [message, ...more] = parse([frame]);
        expect(more).toEqual([]);
        expect(message).toMatchObject({ event: type, id });
        // What JSON itself makes of the value: a key that is there twice, or -0, is no business of the frame.
        expect(JSON.parse(message!.data)).toEqual(JSON.parse(JSON.stringify(value)));
        expect(parse(byteByByte(frame))).toEqual([message]);
      }),
      { numRuns: 500 },
    );
  });

  it('A3 A8 holds its data on one line, whatever is in it', () => {
    fc.assert(
      fc.property(types, json, ids, (type, value, id) => {
        const lines = formatFrame(type, toJson(value), id).split(/\r\n|\r|\n/);
        expect(lines).toHaveLength(5);
        expect(lines[0]).toBe(`event: ${type}`);
        expect(lines[1]).toMatch(/^data: [^\uFEFF ]/);
        expect(lines[2]).toBe(`id: ${id}`);
        expect(lines.slice(3)).toEqual(['', '']);
      }),
    );
  });

  it('A7 is well-formed UTF-8 and keeps lone surrogates in the JSON, in keys and in values', () => {
    const value = { '\uD800key': ['\uDC00', 'a\uD83D', '\uD83D\uDE00'] };
    const frame = Buffer.from(formatFrame('text', toJson(value), 'abcdefgh-1'));
    expect(frame.toString()).not.toContain('\uFFFD');
    expect(JSON.parse(parse([frame])[0]!.data)).toEqual(value);
  });

  it('S62 frames behind one another are split at every place and give the same events', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(types, json, ids), { minLength: 1, maxLength: 5 }),
        fc.infiniteStream(fc.integer({ min: 1, max: 40 })),
        (events, lengths) => {
          const bytes = Buffer.from(
            events.map(([type, value, id]) => formatFrame(type, toJson(value), id)).join(''),
          );
          const chunks: Buffer[] = [];
          for (let at = 0; at < bytes.length;) {
            const [length = 1] = lengths.take(1);
            chunks.push(bytes.subarray(at, at + length));
            at += length;
          }
          expect(parse(chunks)).toEqual(parse([bytes]));
          expect(parse([bytes])).toHaveLength(events.length);
        },
      ),
    );
  });

  it('gives back the data', () => {
    fc.assert(
      fc.property(types, json, ids, (type, value, id) => {
        const text = toJson(value);
        expect(jsonOf(Buffer.from(formatFrame(type, text, id)), type, id)).toBe(text);
      }),
    );
  });

  it('has the length that is reckoned without making it', () => {
    fc.assert(
      fc.property(types, json, fc.maxSafeNat(), (type, value, seq) => {
        const text = toJson(value);
        const frame = formatFrame(type, text, formatEventId('abcdefghijkl', seq));
        expect(frameLength(type, text, 'abcdefghijkl'.length, seq)).toBe(Buffer.byteLength(frame));
      }),
    );
  });
});

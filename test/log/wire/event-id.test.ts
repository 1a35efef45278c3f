import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { formatEventId, parseEventId } from '../../../lib/log/wire/event-id.js';

const epochs = fc.stringMatching(/^[a-z0-9]{8,20}$/);

describe('event ids', () => {
  it('are read back as they were written', () => {
    fc.assert(
      fc.property(epochs, fc.maxSafeNat(), (epoch, seq) => {
        const id = formatEventId(epoch, seq);
        // Sixteen digits hold every safe integer.
        expect(parseEventId(id)).toEqual({ epoch, seq });
        expect(Buffer.byteLength(id)).toBeLessThanOrEqual(64);
      }),
    );
  });

  it('read nothing that was not written so', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.stringMatching(/^[a-z0-9]*-[0-9]*$/)),
        (text) => {
          const id = parseEventId(text);
          if (id) expect(formatEventId(id.epoch, id.seq)).toBe(text);
        },
      ),
    );
  });

  it.each([
    '',
    '-',
    '-1',
    'abcdefgh',
    'abcdefgh-',
    'abcdefgh--1',
    'abcdefgh-01',
    'abcdefgh-1.5',
    'abcdefgh-1e3',
    'abcdefgh- 1',
    'abcdefgh-1\n',
    ' abcdefgh-1',
    'ABCDEFGH-1',
    'abcdefg-1',
    'abcdefghijklmnopqrstu-1',
    'abcdefgh-9007199254740992',
    'abcdefgh-99999999999999999999',
    'abcdefgh-1,abcdefgh-1',
    'abcdefgh-１',
  ])('%j is none', (text) => {
    expect(parseEventId(text)).toBeUndefined();
  });

  it('knows the start of a log as a position', () => {
    expect(parseEventId('abcdefgh-0')).toEqual({ epoch: 'abcdefgh', seq: 0 });
  });
});

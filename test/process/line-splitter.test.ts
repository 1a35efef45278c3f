import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { LineSplitter } from '../../lib/process/line-splitter.js';

function split(...pieces: readonly (string | Uint8Array)[]): string[] {
  const splitter = new LineSplitter();
  const lines = pieces.flatMap((piece) => [...splitter.push(Buffer.from(piece as string))]);
  return [...lines, ...splitter.end()];
}

describe('LineSplitter', () => {
  it.each([
    ['nothing', [], []],
    ['a line without an end', ['a'], ['a']],
    ['lines', ['a\nb\n'], ['a', 'b']],
    ['empty lines', ['\n\na\n\n'], ['', '', 'a', '']],
    ['progress that is overwritten', ['1%\r2%\r3%\n'], ['1%', '2%', '3%']],
    ['a line end that is cut', ['a\r', '\nb'], ['a', 'b']],
    ['two line ends that only look like one', ['a\r', '\r\nb'], ['a', '', 'b']],
    ['an empty piece inside a line end', ['a\r', '', '\nb'], ['a', 'b']],
    ['a character that is cut', [Buffer.from('é').subarray(0, 1), Buffer.from('é').subarray(1)], ['é']],
  ])('%s', (_what, pieces, lines) => {
    expect(split(...pieces)).toEqual(lines);
  });

  it('gives a long line in pieces, before it has come to its end', () => {
    const splitter = new LineSplitter();
    const first = [...splitter.push(Buffer.from('x'.repeat(40_000)))];
    expect(first.map(({ length }) => length)).toEqual([16_384, 16_384]);
    expect([...splitter.push(Buffer.from('\n'))].map(({ length }) => length)).toEqual([40_000 - 2 * 16_384]);
    const smileys = '🙂'.repeat(20_000);
    const pieces = split(`x${smileys}`);
    expect(pieces.join('')).toBe(`x${smileys}`);
    expect(pieces.every((piece) => !/^[\uDC00-\uDFFF]/.test(piece))).toBe(true);
  });

  it('gives the same lines wherever the bytes are cut', () => {
    const text = fc.array(fc.constantFrom('a', 'é', '🙂', '\n', '\r', '\r\n'), { maxLength: 30 });
    fc.assert(
      fc.property(text, fc.array(fc.nat(100)), (parts, cuts) => {
        const bytes = Buffer.from(parts.join(''));
        const positions = [
          0,
          ...cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b),
          bytes.length,
        ];
        const pieces = positions.slice(1).map((end, index) => bytes.subarray(positions[index], end));
        const whole = parts.join('').split(/\r\n|\n|\r/);
        if (whole.at(-1) === '') whole.pop();
        expect(split(...pieces)).toEqual(whole);
      }),
    );
  });
});

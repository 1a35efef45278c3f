import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { WordCounter } from '../../sample/01-quick-start/src/word-counter.js';

function counted(pieces: readonly string[]): WordCounter {
  const counter = new WordCounter();
  for (const piece of pieces) counter.add(piece);
  counter.finish();
  return counter;
}

function cut(text: string, at: readonly number[]): string[] {
  const cuts = [0, ...at.map((place) => place % (text.length + 1)).toSorted((a, b) => a - b), text.length];
  return cuts.slice(1).map((end, index) => text.slice(cuts[index], end));
}

describe('WordCounter', () => {
  test('counts words, whatever their case, and ranks them', () => {
    const counter = counted(['The café — the naïve café; "don’t!" 3 times.\nThe END']);
    expect(counter.words).toBe(10);
    expect(counter.top(3)).toEqual([
      { word: 'the', count: 3 },
      { word: 'café', count: 2 },
      { word: '3', count: 1 },
    ]);
  });

  test('nothing has no words', () => {
    expect(counted([]).words).toBe(0);
    expect(counted([' \n — ']).top(10)).toEqual([]);
  });

  test('it does not matter where the text is cut', () => {
    const text = fc
      .array(fc.constantFrom('the', 'don’t', "it's", 'größe', '3', '—', ',', '\n', ' ', '  '), {
        maxLength: 40,
      })
      .map((parts) => parts.join(' '));
    fc.assert(
      fc.property(text, fc.array(fc.nat(), { maxLength: 8 }), (whole, at) => {
        const inPieces = counted(cut(whole, at));
        const atOnce = counted([whole]);
        expect([inPieces.words, inPieces.top(5)]).toEqual([atOnce.words, atOnce.top(5)]);
      }),
    );
  });

  test('text without a space does not pile up', () => {
    const counter = new WordCounter();
    for (let piece = 0; piece < 100; piece++) counter.add('x'.repeat(50_000));
    expect(counter.words).toBeGreaterThan(0);
    expect(counter.top(10)).toEqual([]);
  });

  test('of more different words than it remembers, the most frequent are found', () => {
    const counter = new WordCounter();
    for (let part = 0; part < 12; part++) {
      const rare = Array.from({ length: 50_000 }, (_, index) => `w${part}x${index}`);
      counter.add(`${rare.join(' ')} often often `);
    }
    counter.finish();
    expect(counter.words).toBe(12 * 50_002);
    expect(counter.top(1)).toEqual([{ word: 'often', count: 24 }]);
  });
});

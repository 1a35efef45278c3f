import { describe, expect, it } from '@jest/globals';
import { epochLength, markOf, markOfTask, mintEpoch } from '../../../lib/log/wire/epoch.js';

describe('epochs', () => {
  const count = 20_000;
  const minted = Array.from({ length: count }, () => mintEpoch('app:Task:1'));

  it('are of the documented alphabet and length', () => {
    for (const epoch of minted) {
      expect(epoch).toMatch(/^[a-z0-9]{8,20}$/);
      expect(epoch).toHaveLength(epochLength);
    }
  });

  it('never repeat', () => {
    expect(new Set(minted).size).toBe(count);
  });

  it('A17 show neither time nor order: every character is as likely at every place', () => {
    // The last four tell whose log it is.
    for (let place = 0; place < epochLength - 4; place++) {
      const counts = new Map<string, number>();
      for (const epoch of minted) {
        const character = epoch.charAt(place);
        counts.set(character, (counts.get(character) ?? 0) + 1);
      }
      const expected = count / counts.size;
      // 20 000 draws of 16: 1 250 each, with a standard deviation of 35. Six of them is once in a billion.
      expect(counts.size).toBe(16);
      for (const seen of counts.values())
        expect(Math.abs(seen - expected)).toBeLessThan(6 * Math.sqrt(expected));
    }
  });

  it('A17 do not rise as they are minted', () => {
    const rises = minted.filter((epoch, index) => index > 0 && epoch > (minted[index - 1] ?? '')).length;
    expect(Math.abs(rises - count / 2)).toBeLessThan(6 * Math.sqrt(count));
  });

  it('S14 S15 tell whose log it is: those of one task have its mark, those of others nearly never', () => {
    expect(new Set(minted.map(markOf))).toEqual(new Set([markOfTask('app:Task:1')]));
    const keys = Array.from({ length: 2_000 }, (_, n) => `app:Task:${n}`);
    const marks = new Set(keys.map(markOfTask));
    for (const mark of marks) expect(mark).toMatch(/^[a-z0-9]{4}$/);
    // Two million pairs, of which one in a million is alike.
    expect(marks.size).toBeGreaterThan(keys.length - 20);
    for (const key of ['app:task:1', 'app:Task:11', 'appT:ask:1', ''])
      expect([key, markOfTask(key) === markOfTask('app:Task:1')]).toEqual([key, false]);
  });
});

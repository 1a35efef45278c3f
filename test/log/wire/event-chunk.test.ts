import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { chunkOf, contentOf, joinChunks } from '../../../lib/log/wire/event-chunk.js';

describe('a chunk', () => {
  const texts = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 300 });

  it('is framed as RFC 9112 writes it', () => {
    expect(chunkOf(':\n').framed.toString()).toBe('2\r\n:\n\r\n');
    const { framed, bytes } = chunkOf(`data: ${'é'.repeat(20)}\n\n`);
    expect(bytes).toBe(48);
    expect(framed.toString()).toBe(`30\r\ndata: ${'é'.repeat(20)}\n\n\r\n`);
  });

  it('gives back what is within', () => {
    fc.assert(
      fc.property(texts, (text) => {
        const chunk = chunkOf(text);
        expect(contentOf(chunk).toString()).toBe(text);
        expect(chunk.bytes).toBe(Buffer.byteLength(text));
      }),
    );
  });

  it('joined is as if all had been written at once', () => {
    fc.assert(
      fc.property(fc.array(texts, { minLength: 1, maxLength: 20 }), (parts) => {
        const chunks = parts.map(chunkOf);
        const joined = joinChunks(chunks);
        expect(joined.framed.equals(chunkOf(parts.join('')).framed)).toBe(true);
        expect(joined.bytes).toBe(Buffer.byteLength(parts.join('')));
      }),
    );
  });

  it('alone is not copied', () => {
    const chunk = chunkOf('id: a-1\n\n');
    expect(joinChunks([chunk])).toBe(chunk);
  });
});

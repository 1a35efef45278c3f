import type { UIMessageChunk } from 'ai';

/** The type of the events that carry a part of an answer. */
export const PART = 'part';

/**
 * Adds a part to those before it. A piece of text that goes on is added to the piece before, so the parts of an answer are as
 * long as the answer, however many pieces it came in.
 */
export function addChunk(chunks: UIMessageChunk[], chunk: UIMessageChunk): void {
  const last = chunks.at(-1);
  const joined = last && joinedOf(last, chunk);
  if (joined) chunks[chunks.length - 1] = joined;
  else chunks.push(chunk);
}

function joinedOf(one: UIMessageChunk, next: UIMessageChunk): UIMessageChunk | undefined {
  if (next.type === 'text-delta' || next.type === 'reasoning-delta') {
    const goesOn = one.type === next.type && one.id === next.id && !next.providerMetadata;
    return goesOn ? { ...one, delta: one.delta + next.delta } : undefined;
  }
  if (next.type !== 'tool-input-delta' || one.type !== next.type) return undefined;
  if (one.toolCallId !== next.toolCallId) return undefined;
  return { ...one, inputTextDelta: one.inputTextDelta + next.inputTextDelta };
}

import { describe, expect, it } from '@jest/globals';
import { array, assert, constantFrom, nat, oneof, property, tuple } from 'fast-check';
import {
  CompositePosition,
  formatCompositeId,
  lostPosition,
  NO_POSITION,
} from '../../lib/log/composite-id.js';
import { formatEventId } from '../../lib/log/event-id.js';

describe('composite ids', () => {
  it('a position that moves in one log after another has the id of all their positions', () => {
    const part = oneof(
      tuple(constantFrom('abcdefgh', 'ijklmnopqrst'), nat(2_000)).map(([epoch, seq]) =>
        formatEventId(epoch, seq),
      ),
      constantFrom(NO_POSITION, lostPosition),
    );
    assert(
      property(
        array(part, { minLength: 1, maxLength: 8 }),
        array(tuple(nat(7), part), { maxLength: 20 }),
        (parts, moves) => {
          const position = new CompositePosition(parts);
          for (const [at, moved] of moves) {
            parts[at % parts.length] = moved;
            position.move(at % parts.length, moved);
            expect(position.id).toBe(formatCompositeId(parts));
          }
        },
      ),
    );
  });
});

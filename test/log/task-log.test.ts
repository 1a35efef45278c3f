import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { TaskLog } from '../../lib/log/task-log.js';

const ref = { app: 'test', name: 'task', id: '1' };
const unlimited = { events: Infinity, bytes: Infinity };

function fill(log: TaskLog, count: number): void {
  for (let n = 0; n < count; n++) log.append('progress', `{"percent":${n}}`);
}

describe('TaskLog', () => {
  it('is empty at first', () => {
    const log = new TaskLog(ref, unlimited);
    expect([log.firstSeq, log.lastSeq, log.lastEventId, log.bytes, log.ended]).toEqual([
      1,
      0,
      null,
      0,
      false,
    ]);
    expect(log.at(0)).toBeUndefined();
    expect(log.at(1)).toBeUndefined();
  });

  it('S1 numbers its events from 1 without a hole, the last one included', () => {
    const log = new TaskLog(ref, unlimited);
    fill(log, 3);
    log.end('completed', '{"finalValue":null}');
    const entries = [1, 2, 3, 4].map((seq) => log.at(seq));
    expect(entries.map((entry) => entry?.seq)).toEqual([1, 2, 3, 4]);
    expect(entries.map((entry) => entry?.id)).toEqual([1, 2, 3, 4].map((seq) => `${log.epoch}-${seq}`));
    expect(log.lastEventId).toBe(`${log.epoch}-4`);
    expect(log.at(5)).toBeUndefined();
  });

  it('S5 has an epoch of its own', () => {
    const [log, other] = [new TaskLog(ref, unlimited), new TaskLog(ref, unlimited)];
    expect(log.epoch).not.toBe(other.epoch);
    expect(log.epoch).toBe(log.epoch);
  });

  it('takes nothing after its end', () => {
    const log = new TaskLog(ref, unlimited);
    log.end('cancelled', '{}');
    log.append('late', 'null');
    log.end('completed', '{}');
    expect(log.lastSeq).toBe(1);
    expect(log.at(1)?.type).toBe('cancelled');
    expect(log.ended).toBe(true);
  });

  it('wakes whoever watches at each event, and completes at the end', () => {
    const log = new TaskLog(ref, unlimited);
    const seen: number[] = [];
    const subscription = log.subscribe(() => {
      seen.push(log.lastSeq);
    });
    fill(log, 2);
    log.end('completed', '{}');
    expect(seen).toEqual([1, 2, 3]);
    expect(subscription.closed).toBe(true);
  });

  it('drops the oldest over its number of events', () => {
    const log = new TaskLog(ref, { events: 3, bytes: Infinity });
    fill(log, 5);
    expect([log.firstSeq, log.lastSeq]).toEqual([3, 5]);
    expect(log.at(2)).toBeUndefined();
    expect(log.at(3)?.seq).toBe(3);
  });

  it('drops the oldest over its bytes, and keeps the newest whatever its size', () => {
    const log = new TaskLog(ref, { events: Infinity, bytes: 200 });
    fill(log, 20);
    expect(log.bytes).toBeLessThanOrEqual(200);
    expect(log.firstSeq).toBeGreaterThan(1);
    log.append('big', JSON.stringify('x'.repeat(1_000)));
    expect([log.firstSeq, log.lastSeq]).toEqual([21, 21]);
    expect(log.at(21)?.type).toBe('big');
  });

  it('A18 encodes an event once, however many ask for it', () => {
    const log = new TaskLog(ref, unlimited);
    fill(log, 1);
    const entry = log.at(1);
    expect(entry?.framed).toBe(log.at(1)?.framed);
  });

  it('gives each subscriber an object of its own', () => {
    const log = new TaskLog(ref, unlimited);
    log.append('list', '[1]');
    const [first, second] = [log.at(1)?.toEvent(), log.at(1)?.toEvent()];
    (first!.data as number[]).push(2);
    expect(second?.data).toEqual([1]);
  });

  it('keeps what its limits say, the newest in any case, through any appends', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: 1, max: 4_000 }),
        fc.array(fc.nat({ max: 600 }), { maxLength: 1_200 }),
        (events, bytes, sizes) => {
          let told = 0;
          const log = new TaskLog(ref, { events, bytes }, (delta) => (told += delta));
          const lengths: number[] = [];
          for (const size of sizes) {
            log.append('progress', JSON.stringify('x'.repeat(size)));
            lengths.push(log.at(log.lastSeq)!.bytes);
          }
          const kept = log.lastSeq - log.firstSeq + 1;
          const keptLengths = lengths.slice(lengths.length - kept);
          const sum = keptLengths.reduce((total, length) => total + length, 0);
          expect(log.lastSeq).toBe(sizes.length);
          expect(log.bytes).toBe(sum);
          expect(told).toBe(sum);
          expect(kept <= 1 || (kept <= events && sum <= bytes)).toBe(true);
          // Nothing goes that need not: one more event would be one too many.
          const before = lengths[lengths.length - kept - 1];
          if (before !== undefined) expect(kept === events || sum + before > bytes).toBe(true);
          for (let seq = log.firstSeq; seq <= log.lastSeq; seq++) {
            expect(log.at(seq)).toMatchObject({ seq, bytes: lengths[seq - 1], id: `${log.epoch}-${seq}` });
          }
          expect(log.at(log.firstSeq - 1)).toBeUndefined();
        },
      ),
    );
  });

  it('counts the bytes of the state, not its characters', () => {
    let told = 0;
    const log = new TaskLog(ref, unlimited, (delta) => (told += delta));
    fill(log, 1);
    const before = log.bytes;
    const state = '"日本語 ✓"';
    log.append('n', '1', state);
    expect(log.bytes - before - log.at(2)!.bytes).toBe(Buffer.byteLength(state));
    log.append('n', '1', '"a"');
    expect(log.bytes - before - log.at(2)!.bytes - log.at(3)!.bytes).toBe(3);
    log.end('completed', '{}', undefined, '"é"');
    expect(log.bytes).toBe(told);
    expect(told - before - [2, 3, 4].reduce((sum, seq) => sum + log.at(seq)!.bytes, 0)).toBe(3 + 4);
  });

  it('S7 what is refused has no number, reaches nobody and changes nothing', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 6 }),
        fc.array(fc.tuple(fc.boolean(), fc.nat({ max: 300 })), { maxLength: 60 }),
        (events, steps) => {
          let told = 0;
          let refuses = false;
          const log = new TaskLog(ref, { events, bytes: 2_000 }, (delta) => {
            if (refuses) throw new Error('full');
            told += delta;
          });
          const woken: number[] = [];
          log.subscribe(() => woken.push(log.lastSeq));
          let taken = 0;
          for (const [isRefused, size] of steps) {
            refuses = isRefused;
            const before = [log.firstSeq, log.lastSeq, log.bytes, log.lastEventId, log.at(log.lastSeq)];
            const append = (): void => log.append('text', JSON.stringify('x'.repeat(size)));
            if (!isRefused) {
              append();
              expect(log.lastSeq).toBe(++taken);
            } else {
              expect(append).toThrow('full');
              expect([log.firstSeq, log.lastSeq, log.bytes, log.lastEventId, log.at(log.lastSeq)]).toEqual(
                before,
              );
            }
            expect(told).toBe(log.bytes);
          }
          expect(woken).toEqual(Array.from({ length: taken }, (_, index) => index + 1));
        },
      ),
    );
  });

  it('S7 S39 a log that cannot take its last event has ended all the same', () => {
    let refuses = false;
    const log = new TaskLog(ref, unlimited, () => {
      if (refuses) throw new Error('full');
    });
    fill(log, 2);
    const subscription = log.subscribe(() => undefined);
    refuses = true;
    expect(() => log.end('completed', '{}')).toThrow('full');
    expect([log.ended, log.lastSeq, subscription.closed]).toEqual([true, 2, true]);
  });
});

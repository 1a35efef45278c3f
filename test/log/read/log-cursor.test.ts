import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { parseEventId } from '../../../lib/log/wire/event-id.js';
import { LogCursor, type LogGap } from '../../../lib/log/read/log-cursor.js';
import { LogEntry } from '../../../lib/log/log-entry.js';
import { hasSeenEnd, isGap, resume, type ResumeRequest } from '../../../lib/log/read/resume.js';
import { TaskLog } from '../../../lib/log/task-log.js';
import { LateLog } from '../../support/late-log.js';

const unlimited = { events: Infinity, bytes: Infinity };
const ref = { app: 'test', name: 'task', id: '1' };
/** Another run of the same task, and another task. */
const [former, other] = [new TaskLog(ref, unlimited), new TaskLog({ ...ref, id: '2' }, unlimited)];

function logOf(count: number, limits: { events: number; bytes: number } = unlimited): TaskLog {
  const log = new TaskLog(ref, limits);
  for (let n = 1; n <= count; n++) log.append('progress', `{"percent":${n}}`);
  return log;
}

function open(log: TaskLog, request: ResumeRequest = {}): LogCursor {
  return new LogCursor(log, resume(log, request));
}

/** A seq for an event; for a gap what it tells. */
type Told = number | LogGap;

function readAll(cursor: LogCursor): Told[] {
  const told: Told[] = [];
  for (let next = cursor.next(); next; next = cursor.next())
    told.push(next instanceof LogEntry ? next.seq : next);
  return told;
}

describe('resume', () => {
  it('a new watcher gets all that is kept, then what comes', () => {
    const log = logOf(2);
    const cursor = open(log);
    expect(readAll(cursor)).toEqual([1, 2]);
    log.append('progress', '{}');
    expect(readAll(cursor)).toEqual([3]);
  });

  it('S9 a position gives what comes after it', () => {
    const log = logOf(4);
    expect(readAll(open(log, { lastEventId: `${log.epoch}-2` }))).toEqual([3, 4]);
    expect(readAll(open(log, { lastEventId: `${log.epoch}-0` }))).toEqual([1, 2, 3, 4]);
  });

  it('S12 the newest position gives nothing, and no gap', () => {
    const log = logOf(4);
    const cursor = open(log, { lastEventId: `${log.epoch}-4` });
    expect(cursor.hasNext).toBe(false);
    expect(readAll(cursor)).toEqual([]);
  });

  it('S10 a position older than the log gives an exact gap', () => {
    const log = logOf(10, { events: 3, bytes: Infinity });
    expect(readAll(open(log, { lastEventId: `${log.epoch}-2` }))).toEqual([
      { cause: 'expired', missed: 5, id: `${log.epoch}-7` },
      8,
      9,
      10,
    ]);
  });

  it('S10 the position just before what is kept gives no gap', () => {
    const log = logOf(10, { events: 3, bytes: Infinity });
    expect(readAll(open(log, { lastEventId: `${log.epoch}-7` }))).toEqual([8, 9, 10]);
  });

  it('whether a gap comes first is known before anything is read', () => {
    const [trimmed, whole] = [logOf(10, { events: 3, bytes: Infinity }), logOf(10)];
    const gaps = (log: TaskLog): string[] =>
      ['0', '6', '7', '10', '11'].filter((seq) =>
        isGap(log, resume(log, { lastEventId: `${log.epoch}-${seq}` })),
      );
    expect([gaps(trimmed), gaps(whole)]).toEqual([['0', '6', '11'], ['11']]);
    expect([trimmed, whole].map((log) => isGap(log, resume(log, {})))).toEqual([true, false]);
  });

  it('a new watcher of a trimmed log is told what it missed', () => {
    const log = logOf(10, { events: 3, bytes: Infinity });
    expect(readAll(open(log))[0]).toEqual({ cause: 'expired', missed: 7, id: `${log.epoch}-7` });
  });

  it('S14 a position of another epoch gives a gap, also where its seq lies inside the log', () => {
    const log = logOf(3);
    expect(readAll(open(log, { lastEventId: `${former.epoch}-2` }))).toEqual([
      { cause: 'restarted', missed: null, id: `${log.epoch}-0` },
      1,
      2,
      3,
    ]);
  });

  it('S15 the epoch of another task is an unknown id', () => {
    const log = logOf(1);
    const cursor = open(log, { lastEventId: `${other.epoch}-1` });
    expect(readAll(cursor)[0]).toEqual({ cause: 'unknown-id', missed: null, id: `${log.epoch}-0` });
  });

  it.each(['1', 'nonsense', 'abcdefgh--1', '💥', 'null', '../..', '__proto__-1', 'abcdefgh-1'])(
    '%j is an unknown id',
    (lastEventId) => {
      const log = logOf(1);
      expect(readAll(open(log, { lastEventId }))[0]).toMatchObject({ cause: 'unknown-id', missed: null });
    },
  );

  it('a position ahead of the log is an unknown id', () => {
    const log = logOf(1);
    const ahead = { lastEventId: `${log.epoch}-2` };
    expect(readAll(open(log, ahead))).toEqual([
      { cause: 'unknown-id', missed: null, id: `${log.epoch}-0` },
      1,
    ]);
  });

  it('with "latest" a new watcher gets the newest and what follows; a position wins over it', () => {
    const log = logOf(5);
    expect(readAll(open(log, { from: 'latest' }))).toEqual([5]);
    expect(readAll(open(log, { from: 'latest', lastEventId: `${log.epoch}-2` }))).toEqual([3, 4, 5]);
    expect(readAll(open(new TaskLog(ref, unlimited), { from: 'latest' }))).toEqual([]);
    expect(readAll(open(logOf(5, { events: 1, bytes: Infinity }), { from: 'latest' }))).toEqual([5]);
  });

  it('S36 knows who has seen the end', () => {
    const log = logOf(2);
    expect(hasSeenEnd(log, `${log.epoch}-2`)).toBe(false);
    log.end('completed', '{}');
    expect(hasSeenEnd(log, `${log.epoch}-3`)).toBe(true);
    expect(hasSeenEnd(log, `${log.epoch}-2`)).toBe(false);
    expect(hasSeenEnd(log, 'abcdefghijkl-3')).toBe(false);
    expect(hasSeenEnd(log, undefined)).toBe(false);
  });
});

describe('LogCursor', () => {
  it('S22 what is trimmed while it is read shows as a gap', () => {
    const log = logOf(5, { events: 5, bytes: Infinity });
    const cursor = open(log);
    expect(cursor.next()).toMatchObject({ seq: 1 });
    for (let n = 0; n < 4; n++) log.append('progress', '{}');
    expect(readAll(cursor)).toEqual([{ cause: 'expired', missed: 3, id: `${log.epoch}-4` }, 5, 6, 7, 8, 9]);
  });

  it('is done when all was read and nothing follows', () => {
    const log = logOf(1);
    const cursor = open(log);
    expect([cursor.hasNext, cursor.done]).toEqual([true, false]);
    cursor.next();
    expect([cursor.hasNext, cursor.done]).toEqual([false, false]);
    log.end('completed', '{}');
    expect([cursor.hasNext, cursor.done]).toEqual([true, false]);
    cursor.next();
    expect([cursor.hasNext, cursor.done]).toEqual([false, true]);
  });

  it('waits for an event that is not here yet: that is no gap, and not the end', () => {
    const log = new LateLog(ref, unlimited);
    log.append('progress', '{}');
    log.end('completed', '{}');
    const cursor = open(log);
    for (let n = 0; n < 3; n++)
      expect([cursor.hasNext, cursor.next(), cursor.done]).toEqual([false, undefined, false]);
    expect(cursor.position).toBe(0);
    log.come();
    expect([cursor.hasNext, readAll(cursor), cursor.done]).toEqual([true, [1, 2], true]);
    expect(log.come()).toBe(false);
  });

  it('S22 an event that was trimmed before it was here is a gap', () => {
    const log = new LateLog(ref, { events: 2, bytes: Infinity });
    for (let n = 1; n <= 2; n++) log.append('progress', '{}');
    const cursor = open(log);
    expect(cursor.next()).toBeUndefined();
    for (let n = 3; n <= 5; n++) log.append('progress', '{}');
    log.come();
    expect(readAll(cursor)).toEqual([{ cause: 'expired', missed: 3, id: `${log.epoch}-3` }]);
    log.come();
    expect(readAll(cursor)).toEqual([4, 5]);
  });

  it('S21 a gap is told although nothing is behind it', () => {
    const log = logOf(0);
    const cursor = open(log, { lastEventId: `${former.epoch}-2` });
    expect(cursor.hasNext).toBe(true);
    expect(readAll(cursor)).toEqual([{ cause: 'restarted', missed: null, id: `${log.epoch}-0` }]);
  });
});

describe.each([
  ['here', TaskLog],
  ['elsewhere', LateLog],
])('any appends, trims and resumes of a log that is %s', (_where, Log) => {
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constant('append' as const), size: fc.nat({ max: 200 }) }) },
    {
      weight: 6,
      arbitrary: fc.record({ do: fc.constant('read' as const), count: fc.integer({ min: 1, max: 8 }) }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant('resume' as const),
        /** How the client forgets: back by so many events, or with an id that is none of this log. */
        as: fc.oneof(fc.nat({ max: 20 }), fc.constantFrom('nothing', 'junk', 'foreign', 'older', 'ahead')),
      }),
    },
    { weight: 1, arbitrary: fc.constant({ do: 'end' as const }) },
    // Not at once, where the log is elsewhere.
    { weight: 3, arbitrary: fc.constant({ do: 'come' as const }) },
  );

  function come(log: TaskLog): boolean {
    return log instanceof LateLog && log.come();
  }

  it('S9 S21 S24 leave no hole without a gap, and repeat nothing', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 2_000 }),
        fc.array(step, { maxLength: 200 }),
        (events, bytes, steps) => {
          const log = new Log(ref, { events, bytes });
          let cursor = open(log);
          /** The position of the client, as an id would say it. */
          let at = 0;
          /** Set by a resume whose id is no position: the next thing told must be this gap. */
          let expectedGap: string | undefined;
          const read = (): boolean => {
            const start = log.firstSeq - 1;
            const { hasNext } = cursor;
            const next = cursor.next();
            expect(next !== undefined).toBe(hasNext);
            if (!next) {
              if (at !== log.lastSeq) expect(log instanceof LateLog && log.isWanted(at + 1)).toBe(true);
              expect(expectedGap).toBeUndefined();
              return false;
            }
            if (next instanceof LogEntry) {
              expect(expectedGap).toBeUndefined();
              expect(next.seq).toBe(at + 1);
              at = next.seq;
              return true;
            }
            expect(next.id).toBe(`${log.epoch}-${start}`);
            if (expectedGap === undefined)
              expect(next).toMatchObject({ cause: 'expired', missed: start - at });
            else expect(next).toMatchObject({ cause: expectedGap, missed: null });
            if (next.missed !== null) expect(next.missed).toBeGreaterThan(0);
            expectedGap = undefined;
            at = parseEventId(next.id)!.seq;
            return true;
          };
          for (const move of steps) {
            switch (move.do) {
              case 'append':
                log.append('progress', JSON.stringify('x'.repeat(move.size)));
                break;
              case 'end':
                log.end('completed', '{}');
                break;
              case 'come':
                come(log);
                break;
              case 'read':
                for (let n = 0; n < move.count; n++) if (!read()) break;
                break;
              case 'resume': {
                const { as } = move;
                const ids: Record<string, string | undefined> = {
                  nothing: undefined,
                  junk: 'junk',
                  foreign: `${other.epoch}-1`,
                  older: `${former.epoch}-1`,
                  ahead: `${log.epoch}-${log.lastSeq + 1}`,
                };
                const causes: Record<string, string | undefined> = {
                  junk: 'unknown-id',
                  foreign: 'unknown-id',
                  older: 'restarted',
                  ahead: 'unknown-id',
                };
                const isPosition = typeof as === 'number';
                if (isPosition) at = Math.max(0, at - as);
                else at = 0;
                expectedGap = isPosition ? undefined : causes[as];
                const lastEventId = isPosition ? `${log.epoch}-${at}` : ids[as];
                cursor = open(log, { lastEventId });
                break;
              }
            }
          }
          do while (read());
          while (come(log));
          expect(at).toBe(log.lastSeq);
          expect(cursor.done).toBe(log.ended);
        },
      ),
      { numRuns: 1_000 },
    );
  });
});

describe('any positions', () => {
  it('S24 two cursors at one position read the same', () => {
    fc.assert(
      fc.property(
        fc.nat({ max: 60 }),
        fc.nat({ max: 60 }),
        fc.integer({ min: 1, max: 60 }),
        (count, from, events) => {
          const log = logOf(count, { events, bytes: Infinity });
          const lastEventId = `${log.epoch}-${Math.min(from, count)}`;
          expect(readAll(open(log, { lastEventId }))).toEqual(readAll(open(log, { lastEventId })));
        },
      ),
    );
  });

  it('S60 a clock that jumps changes nothing', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -3_600_000, max: 3_600_000 }), { maxLength: 20 }), (jumps) => {
        const real = Date.now;
        try {
          const log = new TaskLog(ref, unlimited);
          for (const jump of jumps) {
            Date.now = () => real() + jump;
            log.append('progress', '{}');
          }
          expect(readAll(open(log))).toEqual(jumps.map((_jump, index) => index + 1));
        } finally {
          Date.now = real;
        }
      }),
    );
  });
});

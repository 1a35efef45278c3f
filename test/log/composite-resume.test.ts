import { describe, expect, it } from '@jest/globals';
import { array, assert, constantFrom, integer, nat, oneof, property, record, tuple } from 'fast-check';
import { formatCompositeId, lostPosition, mostPositions, noPosition } from '../../lib/log/composite-id.js';
import { CompositeResume, haveSeenEnd } from '../../lib/log/composite-resume.js';
import { formatEventId } from '../../lib/log/event-id.js';
import type { LogPosition } from '../../lib/log/log-cursor.js';
import { TaskLog } from '../../lib/log/task-log.js';

function logOf(events: number, kept = 100): TaskLog {
  const log = new TaskLog({ events: kept, bytes: 1_000_000 });
  for (let n = 0; n < events; n++) log.append('n', String(n));
  return log;
}

const never = (): boolean => false;

type Logs = readonly (TaskLog | undefined)[];

function resumeAll(
  logs: Logs,
  { lastEventId }: { lastEventId: string },
  hasEpoch: (epoch: string) => boolean,
): (LogPosition | undefined)[] {
  const points = new CompositeResume(logs, lastEventId, hasEpoch);
  return logs.map((log, index) => log && points.positionOf(index));
}

/** What an id holds for the tasks that have no log. */
function partsWithoutLog(logs: Logs, lastEventId: string | undefined): string[] {
  const points = new CompositeResume(logs, lastEventId, never);
  return logs.flatMap((log, index) => (log ? [] : [points.partOf(index)]));
}

/** A composite id of positions in these logs. */
function idOf(...positions: readonly (readonly [TaskLog, number] | string)[]): string {
  return formatCompositeId(
    positions.map((position) =>
      typeof position === 'string' ? position : formatEventId(position[0].epoch, position[1]),
    ),
  );
}

describe('CompositeResume', () => {
  it('a position is found by its epoch, in whatever order', () => {
    const logs = [logOf(5), logOf(5), logOf(5)] as const;
    const lastEventId = idOf([logs[2], 3], [logs[0], 1], [logs[1], 2]);
    expect(resumeAll(logs, { lastEventId }, never)).toEqual([{ after: 1 }, { after: 2 }, { after: 3 }]);
  });

  it('a part for a task that had no log, and a list that is longer, begin at the start', () => {
    const [old, added] = [logOf(5), logOf(5)];
    expect(resumeAll([old, added], { lastEventId: idOf([old, 4], noPosition) }, never)).toEqual([
      { after: 4 },
      { after: 0 },
    ]);
    expect(resumeAll([added, old], { lastEventId: idOf([old, 4]) }, never)).toEqual([
      { after: 0 },
      { after: 4 },
    ]);
    expect(resumeAll([undefined, old], { lastEventId: idOf([old, 4]) }, never)).toEqual([
      undefined,
      { after: 4 },
    ]);
  });

  it('what may be the position in an earlier run is a gap, told again until it is known', () => {
    const [log, other, former] = [logOf(5), logOf(5), logOf(5)];
    const lastEventId = idOf([former, 3], [other, 2]);
    expect(resumeAll([log, other], { lastEventId }, never)).toEqual([
      { after: 0, gap: 'restarted' },
      { after: 2 },
    ]);
    expect(resumeAll([log, other], { lastEventId: idOf(lostPosition, [other, 2]) }, never)).toEqual([
      { after: 0, gap: 'unknown-id' },
      { after: 2 },
    ]);
    // With another list nobody can say whose position that was.
    expect(resumeAll([other, log, logOf(1)], { lastEventId }, never)[1]).toEqual({
      after: 0,
      gap: 'unknown-id',
    });
    // Unless it is known to be another task's.
    const isForeign = (epoch: string): boolean => epoch === former.epoch;
    expect(resumeAll([other, log, logOf(1)], { lastEventId }, isForeign)[1]).toEqual({ after: 0 });
  });

  it('a task without a log keeps its position, and where that is not known nothing begins anew without a word', () => {
    const [log, away] = [logOf(5), logOf(5)];
    const both = idOf([log, 2], [away, 3]);
    const part = idOf([away, 3]);
    expect(partsWithoutLog([log, undefined], both)).toEqual([part]);
    expect(resumeAll([log, away], { lastEventId: idOf([log, 4], part) }, never)).toEqual([
      { after: 4 },
      { after: 3 },
    ]);
    expect(partsWithoutLog([undefined, undefined], both)).toEqual([idOf([log, 2]), part]);
    // In another order, and in another list, it may be that of any.
    expect(partsWithoutLog([undefined, log], both)).toEqual([lostPosition]);
    expect(partsWithoutLog([log, undefined, undefined], both)).toEqual([lostPosition, lostPosition]);
    expect(partsWithoutLog([log, undefined], 'x')).toEqual([lostPosition]);
    expect(partsWithoutLog([log, undefined], idOf([log, 2], lostPosition))).toEqual([lostPosition]);
    // That of a task that is kept and not in the list is no other's.
    const kept = new CompositeResume([log, undefined], both, (epoch) => epoch === away.epoch);
    expect(kept.partOf(1)).toBe(lostPosition);
    // There was none yet.
    expect(partsWithoutLog([log, undefined], idOf([log, 2], noPosition))).toEqual([noPosition]);
    expect(partsWithoutLog([log, undefined], idOf([log, 2]))).toEqual([noPosition]);
    expect(partsWithoutLog([log, undefined], undefined)).toEqual([noPosition]);
  });

  it('an id that is none is a gap of each', () => {
    const logs = [logOf(5), logOf(5)];
    const [one] = logs as [TaskLog, TaskLog];
    for (const lastEventId of ['x', '.', '..', ' ', idOf([one, 1], [one, 2]), `${idOf([one, 1])}.x`]) {
      for (const position of resumeAll(logs, { lastEventId }, never)) {
        expect([lastEventId, position]).toEqual([lastEventId, { after: 0, gap: 'unknown-id' }]);
      }
    }
  });

  it('an id as long as a header may be costs no more than one of ours', () => {
    const logs = Array.from({ length: mostPositions }, () => logOf(1));
    const ids = (count: number): string =>
      idOf(...Array.from({ length: count }, (): readonly [TaskLog, number] => [logOf(1), 1]));
    let asked = 0;
    const isForeign = (): boolean => ++asked > 0;
    const gap: LogPosition = { after: 0, gap: 'unknown-id' };
    expect(resumeAll(logs, { lastEventId: ids(mostPositions + 1) }, isForeign)).toEqual(logs.map(() => gap));
    expect(asked).toBe(0);
    expect(resumeAll(logs, { lastEventId: ids(mostPositions - 1) }, isForeign)).toEqual(
      logs.map(() => ({ after: 0 })),
    );
  });

  it('S9 S14 whatever it is given, each log goes on behind its own position, from the start, or with a gap', () => {
    assert(
      property(
        array(record({ events: nat(6), kept: integer({ min: 1, max: 4 }) }), {
          minLength: 1,
          maxLength: 5,
        }),
        array(
          oneof(tuple(nat(4), nat(8)), constantFrom(noPosition, lostPosition, 'zzzzzzzz-1', 'nonsense')),
          { minLength: 1, maxLength: 6 },
        ),
        (shapes, parts) => {
          const logs = shapes.map(({ events, kept }) => logOf(events, kept));
          const given = parts.map((part) =>
            typeof part === 'string'
              ? part
              : formatEventId((logs[part[0] % logs.length] as TaskLog).epoch, part[1]),
          );
          const positions = resumeAll(logs, { lastEventId: given.join('.') }, never) as LogPosition[];
          for (const [index, { after, gap }] of positions.entries()) {
            const log = logs[index] as TaskLog;
            const own = given.filter((part) => part.startsWith(`${log.epoch}-`));
            if (gap !== undefined) expect(after).toBe(log.firstSeq - 1);
            else if (after !== 0) expect(own).toEqual([formatEventId(log.epoch, after)]);
            expect(after).toBeLessThanOrEqual(log.lastSeq);
          }
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('S36 the end is seen when that of all of them is', () => {
    const logs = [logOf(2), logOf(3)] as const;
    logs[0].end('completed', '{}');
    expect(haveSeenEnd(logs, idOf([logs[0], 3], [logs[1], 3]))).toBe(false);
    logs[1].end('completed', '{}');
    expect(haveSeenEnd(logs, idOf([logs[0], 3], [logs[1], 4]))).toBe(true);
    expect(haveSeenEnd(logs, idOf([logs[1], 4], noPosition, [logs[0], 3]))).toBe(true);
    expect(haveSeenEnd(logs, idOf([logs[0], 3], [logs[1], 3]))).toBe(false);
    expect(haveSeenEnd(logs, idOf([logs[0], 3]))).toBe(false);
    expect(haveSeenEnd(logs, undefined)).toBe(false);
  });
});

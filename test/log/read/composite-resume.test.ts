import { describe, expect, it } from '@jest/globals';
import { array, assert, constantFrom, integer, nat, oneof, property, record, tuple } from 'fast-check';
import {
  formatCompositeId,
  LOST_POSITION,
  MAX_POSITIONS,
  NO_POSITION,
} from '../../../lib/log/wire/composite-id.js';
import { CompositeResume, haveSeenEnd, type ListedLog } from '../../../lib/log/read/composite-resume.js';
import { formatEventId } from '../../../lib/log/wire/event-id.js';
import type { LogPosition } from '../../../lib/log/read/log-cursor.js';
import { TaskLog } from '../../../lib/log/task-log.js';
import { type TaskRef, taskKey } from '../../../lib/task/task-ref.js';
import { alikeTasks } from './alike-tasks.js';

interface Listed extends ListedLog {
  readonly log: TaskLog;
}

let tasks = 0;

function newRef(): TaskRef {
  return { app: 'test', name: 'task', id: `t-${++tasks}` };
}

/** A task with so many events; another one each time, where it is not told which. */
function taskOf(events: number, { ref = newRef(), kept = 100 } = {}): Listed {
  const log = new TaskLog(ref, { events: kept, bytes: 1_000_000 });
  for (let n = 0; n < events; n++) log.append('n', String(n));
  return { key: taskKey(ref), log };
}

/** A task, and another run of it. */
function runsOf(events: number, ref = newRef()): [Listed, Listed] {
  return [taskOf(events, { ref }), taskOf(events, { ref })];
}

/** The task where it has no log. */
function without({ key }: Listed): ListedLog {
  return { key, log: undefined };
}

function resumeAll(list: readonly ListedLog[], lastEventId: string): (LogPosition | undefined)[] {
  const points = new CompositeResume(list, lastEventId);
  return list.map(({ log }, index) => log && points.positionOf(index));
}

/** What an id holds for the tasks that have no log. */
function partsWithoutLog(list: readonly ListedLog[], lastEventId: string | undefined): string[] {
  const points = new CompositeResume(list, lastEventId);
  return list.flatMap(({ log }, index) => (log ? [] : [points.partOf(index)]));
}

/** A composite id of positions in the logs of these tasks. */
function idOf(...positions: readonly (readonly [Listed, number] | string)[]): string {
  return formatCompositeId(
    positions.map((position) =>
      typeof position === 'string' ? position : formatEventId(position[0].log.epoch, position[1]),
    ),
  );
}

const unknown: LogPosition = { after: 0, gap: 'unknown-id' };
const restarted: LogPosition = { after: 0, gap: 'restarted' };
const anew: LogPosition = { after: 0 };

describe('CompositeResume', () => {
  it('a position is found by its epoch, in whatever order', () => {
    const list = [taskOf(5), taskOf(5), taskOf(5)] as const;
    const id = idOf([list[2], 3], [list[0], 1], [list[1], 2]);
    expect(resumeAll(list, id)).toEqual([{ after: 1 }, { after: 2 }, { after: 3 }]);
  });

  it('a task that had no log, or is added to the list, begins at the start', () => {
    const [old, added] = [taskOf(5), taskOf(5)];
    expect(resumeAll([old, added], idOf([old, 4], NO_POSITION))).toEqual([{ after: 4 }, anew]);
    expect(resumeAll([added, old], idOf([old, 4]))).toEqual([anew, { after: 4 }]);
    expect(resumeAll([without(added), old], idOf([old, 4]))).toEqual([undefined, { after: 4 }]);
    // Also in the place of one that was taken out.
    expect(resumeAll([added, old], idOf([taskOf(5), 3], [old, 4]))).toEqual([anew, { after: 4 }]);
  });

  it('S14 the position in an earlier run is a gap, in whatever order and list', () => {
    const [former, task] = runsOf(5);
    const other = taskOf(5);
    const id = idOf([former, 3], [other, 2]);
    expect(resumeAll([task, other], id)).toEqual([restarted, { after: 2 }]);
    expect(resumeAll([other, task, taskOf(1)], id)).toEqual([{ after: 2 }, restarted, anew]);
    expect(resumeAll([taskOf(1), task], id)).toEqual([anew, restarted]);
  });

  it('a position that was lost is a gap of each that has none, told again until it is known', () => {
    const [task, other] = [taskOf(5), taskOf(5)];
    expect(resumeAll([task, other], idOf(LOST_POSITION, [other, 2]))).toEqual([unknown, { after: 2 }]);
    expect(resumeAll([other, taskOf(1), task], idOf(LOST_POSITION, [other, 2]))).toEqual([
      { after: 2 },
      unknown,
      unknown,
    ]);
  });

  it('S15 an id that has no position of any of these tasks is a gap of each', () => {
    const [one, two, other] = [taskOf(5), taskOf(5), taskOf(5)];
    for (const id of [idOf([other, 2]), idOf([other, 2], NO_POSITION), 'zzzzzzzz-1']) {
      expect([id, resumeAll([one], id)]).toEqual([id, [unknown]]);
      expect([id, resumeAll([one, two], id)]).toEqual([id, [unknown, unknown]]);
    }
  });

  it('a task without a log keeps its position, and where that is not known nothing begins anew without a word', () => {
    const [task, away] = [taskOf(5), taskOf(5)];
    const both = idOf([task, 2], [away, 3]);
    const part = idOf([away, 3]);
    expect(partsWithoutLog([task, without(away)], both)).toEqual([part]);
    expect(resumeAll([task, away], idOf([task, 4], part))).toEqual([{ after: 4 }, { after: 3 }]);
    expect(partsWithoutLog([without(task), without(away)], both)).toEqual([idOf([task, 2]), part]);
    // In another order, and in another list.
    expect(partsWithoutLog([without(away), task], both)).toEqual([part]);
    expect(partsWithoutLog([task, without(taskOf(1)), without(away)], both)).toEqual([NO_POSITION, part]);
    expect(partsWithoutLog([task, without(away)], 'x')).toEqual([LOST_POSITION]);
    expect(partsWithoutLog([task, without(away)], idOf([task, 2], LOST_POSITION))).toEqual([LOST_POSITION]);
    // There was none yet.
    expect(partsWithoutLog([task, without(away)], idOf([task, 2], NO_POSITION))).toEqual([NO_POSITION]);
    expect(partsWithoutLog([task, without(away)], idOf([task, 2]))).toEqual([NO_POSITION]);
    expect(partsWithoutLog([task, without(away)], undefined)).toEqual([NO_POSITION]);
  });

  it('where two tasks cannot be told apart by the marks of their epochs, both get a gap', () => {
    const [[one, two]] = alikeTasks(1) as [readonly [TaskRef, TaskRef]];
    const [[before, first], [, second]] = [runsOf(5, one), runsOf(5, two)];
    for (const list of [
      [first, second],
      [second, first],
    ]) {
      expect(resumeAll(list, idOf([before, 3]))).toEqual([unknown, unknown]);
      expect(partsWithoutLog(list.map(without), idOf([before, 3]))).toEqual([LOST_POSITION, LOST_POSITION]);
    }
    // Unless a log tells whose one position is.
    const id = idOf([second, 2], [before, 3]);
    expect(resumeAll([first, second], id)).toEqual([restarted, { after: 2 }]);
    expect(partsWithoutLog([without(first), second], id)).toEqual([idOf([before, 3])]);
    expect(partsWithoutLog([without(first), without(second)], id)).toEqual([LOST_POSITION, LOST_POSITION]);
    // The position may be that of a task that is no longer in the list, and the lost one this task's.
    expect(partsWithoutLog([without(second)], idOf([before, 3], LOST_POSITION))).toEqual([LOST_POSITION]);
  });

  it('an id that is none is a gap of each', () => {
    const list = [taskOf(5), taskOf(5)];
    const [one] = list as [Listed, Listed];
    for (const id of ['x', '.', '..', ' ', idOf([one, 1], [one, 2]), `${idOf([one, 1])}.x`])
      expect([id, resumeAll(list, id)]).toEqual([id, [unknown, unknown]]);
  });

  it('an id with more positions than any of ours is none', () => {
    const list = [taskOf(1)];
    const idWith = (others: number): string =>
      idOf(...Array.from({ length: others }, (): readonly [Listed, number] => [taskOf(1), 1]), [list[0]!, 1]);
    expect(resumeAll(list, idWith(MAX_POSITIONS - 1))).toEqual([{ after: 1 }]);
    expect(resumeAll(list, idWith(MAX_POSITIONS))).toEqual([unknown]);
  });

  it('S9 S14 whatever it is given, each log goes on behind its own position, from the start, or with a gap', () => {
    assert(
      property(
        array(record({ events: nat(6), kept: integer({ min: 1, max: 4 }) }), {
          minLength: 1,
          maxLength: 5,
        }),
        array(
          oneof(tuple(nat(4), nat(8)), constantFrom(NO_POSITION, LOST_POSITION, 'zzzzzzzz-1', 'nonsense')),
          { minLength: 1, maxLength: 6 },
        ),
        (shapes, parts) => {
          const list = shapes.map(({ events, kept }) => taskOf(events, { kept }));
          const given = parts.map((part) =>
            typeof part === 'string' ? part : idOf([list[part[0] % list.length]!, part[1]]),
          );
          const positions = resumeAll(list, given.join('.')) as LogPosition[];
          for (const [index, { after, gap }] of positions.entries()) {
            const { log } = list[index]!;
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
    const list = [taskOf(2), taskOf(3)] as const;
    const logs = list.map(({ log }) => log);
    list[0].log.end('completed', '{}');
    expect(haveSeenEnd(logs, idOf([list[0], 3], [list[1], 3]))).toBe(false);
    list[1].log.end('completed', '{}');
    expect(haveSeenEnd(logs, idOf([list[0], 3], [list[1], 4]))).toBe(true);
    expect(haveSeenEnd(logs, idOf([list[1], 4], NO_POSITION, [list[0], 3]))).toBe(true);
    expect(haveSeenEnd(logs, idOf([list[0], 3], [list[1], 3]))).toBe(false);
    expect(haveSeenEnd(logs, idOf([list[0], 3]))).toBe(false);
    expect(haveSeenEnd(logs, undefined)).toBe(false);
  });
});

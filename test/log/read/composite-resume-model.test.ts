import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { formatCompositeId, LOST_POSITION } from '../../../lib/log/wire/composite-id.js';
import { CompositeResume } from '../../../lib/log/read/composite-resume.js';
import { formatEventId } from '../../../lib/log/wire/event-id.js';
import { LogCursor } from '../../../lib/log/read/log-cursor.js';
import { LogEntry } from '../../../lib/log/log-entry.js';
import { TaskLog } from '../../../lib/log/task-log.js';
import { type TaskRef, taskKey } from '../../../lib/task/task-ref.js';
import { alikeTasks } from './alike-tasks.js';

/** A task as it comes and goes on the streams of one client. */
class Task {
  readonly key: string;
  log: TaskLog;
  /** Whether it may be watched. */
  isUp = true;
  /** Whether its log is no longer kept. */
  isGone = false;
  /** The position that the client knows, in which log. */
  known: { readonly epoch: string; readonly seq: number } | undefined;

  constructor(private readonly ref: TaskRef) {
    this.key = taskKey(ref);
    this.log = this.#newLog();
  }

  send(count: number): void {
    for (let n = 0; n < count; n++) this.log.append('n', '1');
  }

  restart(): void {
    this.log = this.#newLog();
    this.isGone = false;
    this.send(2);
  }

  #newLog(): TaskLog {
    return new TaskLog(this.ref, { events: 6, bytes: 1_000_000 });
  }
}

/** A client that comes back again and again, and what it must never see. */
class Client {
  #id: string | undefined;

  watch(list: readonly Task[], draw: (most: number) => number): void {
    // Then the answer is an error.
    if (!list.some(({ isUp }) => isUp)) return;
    const points = new CompositeResume(
      list.map(({ key, isGone, log }) => ({ key, log: isGone ? undefined : log })),
      this.#id,
    );
    const cursors = list.map(({ isUp, known, log }, index) => {
      if (!isUp) return undefined;
      const position = points.positionOf(index);
      // Behind what it has, and nowhere else.
      if (known && !position.gap) expect({ epoch: log.epoch, seq: position.after }).toEqual(known);
      return new LogCursor(log, position);
    });
    const idOf = (index: number): string => {
      const cursor = cursors[index];
      if (!cursor) return points.partOf(index);
      return cursor.hasGap ? LOST_POSITION : formatEventId(list[index]!.log.epoch, cursor.after);
    };
    const positions = list.map((_, index) => idOf(index));
    // What tells of a task that cannot be watched has this id.
    if (cursors.includes(undefined)) this.#id = formatCompositeId(positions);
    for (let reads = draw(8); reads > 0; reads--) {
      const index = draw(list.length - 1);
      const task = list[index]!;
      const next = cursors[index]?.next();
      if (!next) continue;
      const { epoch } = task.log;
      const seq = cursors[index]!.after;
      if (next instanceof LogEntry && task.known?.epoch === epoch && next.seq > task.known.seq)
        expect(next.seq).toBe(task.known.seq + 1);
      task.known = { epoch, seq };
      positions[index] = idOf(index);
      this.#id = formatCompositeId(positions);
    }
  }
}

describe('a client of many tasks that comes back', () => {
  // Of two their epochs cannot be told apart by their marks.
  const refs = [...alikeTasks(2).flat(), { app: 'test', name: 'task', id: 'other' }];

  it.each(['with the same list', 'in another order', 'with more', 'with others'])(
    '%s: whatever was restarted, trimmed or unavailable meanwhile, nothing is missed or repeated without a gap',
    (how) => {
      fc.assert(
        fc.property(fc.gen(), (gen) => {
          const draw = (most: number): number => gen(fc.nat, { max: most });
          const all = refs.map((ref) => new Task(ref));
          const client = new Client();
          let list = all.slice(0, 2 + draw(1));
          for (let visit = 0; visit < 5; visit++) {
            for (const task of all) {
              task.send(draw(3));
              if (task.isGone ? draw(1) === 0 : visit > 0 && draw(5) === 0) task.restart();
              else if (draw(9) === 0) task.isGone = true;
              task.isUp = !task.isGone && draw(2) > 0;
            }
            if (visit > 0) list = changed(list, all, how, draw);
            client.watch(list, draw);
          }
        }),
        { numRuns: 1_000 },
      );
    },
  );
});

function changed(
  list: readonly Task[],
  all: readonly Task[],
  how: string,
  draw: (most: number) => number,
): Task[] {
  let tasks = [...list];
  if (how === 'with the same list') return tasks;
  if (draw(1) > 0) tasks = [...tasks.slice(1), tasks[0]!];
  if (draw(1) > 0) tasks = tasks.toReversed();
  if (how === 'in another order') return tasks;
  const added = all.find((task) => !tasks.includes(task));
  if (added && draw(1) > 0) tasks = draw(1) > 0 ? [added, ...tasks] : [...tasks, added];
  if (how === 'with more' || tasks.length === 1 || draw(2) > 0) return tasks;
  const [left] = tasks.splice(draw(tasks.length - 1), 1);
  // A task that is left out begins anew when it comes back.
  left!.known = undefined;
  return tasks;
}

import { describe, expect, it, jest } from '@jest/globals';
import type { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { TaskStore } from '../../../lib/engine/local/task-store.js';
import { FlushQueue } from '../../../lib/http/stream/broadcast/flush-queue.js';
import { type BroadcastReader, LogBroadcast } from '../../../lib/http/stream/broadcast/log-broadcast.js';
import { LogCursor } from '../../../lib/log/log-cursor.js';
import type { LogReader } from '../../../lib/log/log-reader.js';
import { eventually } from '../../support/wait.js';
import { createTaskApp, type Puppet, PuppetTask } from '../../support/watching.js';

/** Notes how many events there were when it was asked to read. */
class Reader implements BroadcastReader {
  readonly asked: number[] = [];
  readonly cursor: LogCursor;
  readonly socket: Socket | undefined;
  isBlocked = false;
  readonly #log: LogReader;

  constructor(log: LogReader, socket?: TakingSocket) {
    this.#log = log;
    this.cursor = new LogCursor(log, { after: log.lastSeq });
    this.socket = socket as unknown as Socket | undefined;
  }

  flush(): boolean {
    this.asked.push(this.#log.lastSeq);
    return false;
  }
}

/** Takes everything at once. */
class TakingSocket {
  received = '';
  readonly writableLength = 0;

  write(bytes: Buffer): boolean {
    this.received += bytes.toString('latin1');
    return true;
  }
}

describe('the broadcast of a log', () => {
  /** What the queue has scheduled, while a test decides when the next turn is. */
  let scheduled: (() => void)[] | undefined;
  const queue = new FlushQueue((flush) => (scheduled ? scheduled.push(flush) : setImmediate(flush)));

  async function open(): Promise<{
    broadcast: LogBroadcast;
    log: LogReader;
    puppet: Puppet;
    free: Reader;
    slow: Reader;
  }> {
    const task = new PuppetTask();
    const { app, coordinator } = await createTaskApp({ tasks: [task.type], listen: false });
    const puppet = await task.start({ url: '', coordinator });
    const run = app.get(TaskStore).find(puppet.handle.ref)!;
    const broadcast = new LogBroadcast(run, queue);
    const [free, slow] = [new Reader(run.log), new Reader(run.log)];
    // Who is the last to be asked has seen that the others were.
    for (const reader of [slow, free]) broadcast.add(reader);
    broadcast.schedule();
    await reached(free, 1);
    return { broadcast, log: run.log, puppet, free, slow };
  }

  async function reached({ asked }: Reader, seq: number): Promise<void> {
    await eventually(() => expect(asked.at(-1)).toBe(seq), { interval: 0 });
  }

  it('an event costs nothing for a reader that is blocked, until its client has taken something', async () => {
    const { broadcast, puppet, free, slow } = await open();
    slow.isBlocked = true;
    puppet.count(1);
    await reached(free, 2);
    expect(slow.asked).toEqual([1, 2]);
    for (let seq = 3; seq <= 6; seq++) {
      puppet.count(1);
      await reached(free, seq);
    }
    expect(slow.asked).toEqual([1, 2]);
    expect(broadcast.size).toBe(2);
    // It takes something, and asks to wait again.
    broadcast.resume(slow);
    puppet.count(1);
    await reached(free, 7);
    expect(slow.asked).toEqual([1, 2, 6]);
    slow.isBlocked = false;
    broadcast.resume(slow);
    puppet.count(1);
    await reached(slow, 8);
    expect(slow.asked).toEqual([1, 2, 6, 7, 8]);
  });

  it('S34 a reader that is blocked at the end reads to the end once it is not', async () => {
    const { broadcast, puppet, free, slow } = await open();
    slow.isBlocked = true;
    puppet.count(1);
    await reached(free, 2);
    await puppet.end();
    await reached(free, 3);
    expect(slow.asked).toEqual([1, 2]);
    slow.isBlocked = false;
    broadcast.resume(slow);
    expect(slow.asked).toEqual([1, 2, 3]);
  });

  it('a reader that leaves while it is blocked is not counted, and does not come back', async () => {
    const { broadcast, puppet, free, slow } = await open();
    slow.isBlocked = true;
    puppet.count(1);
    await reached(free, 2);
    broadcast.remove(slow);
    expect(broadcast.size).toBe(1);
    slow.isBlocked = false;
    broadcast.resume(slow);
    expect([broadcast.size, slow.asked]).toEqual([1, [1, 2]]);
    broadcast.remove(free);
    expect(broadcast.size).toBe(0);
  });

  it('what is more than a chunk goes out in the same turn, as long as there is time', async () => {
    const { broadcast, log, puppet, free } = await open();
    const socket = new TakingSocket();
    broadcast.add(new Reader(log, socket));
    // A time that stands still is never over.
    const now = jest.spyOn(performance, 'now').mockReturnValue(performance.now());
    try {
      for (let n = 0; n < 40; n++) puppet.send('part', 'x'.repeat(1_000));
      await nextTurn();
    } finally {
      now.mockRestore();
    }
    expect(socket.received.split('event: part').length - 1).toBe(40);
    expect(free.asked.at(-1)).toBe(41);
  });

  it('one that throws keeps nothing from the others, nor from itself', async () => {
    const [one, two] = [await open(), await open()];
    const turns: (() => void)[] = [];
    scheduled = turns;
    try {
      const flush = jest.spyOn(one.free, 'flush').mockImplementationOnce(() => {
        throw new Error('Not today');
      });
      for (const { puppet } of [one, two]) puppet.count(1);
      expect(() => turns.shift()?.()).toThrow('Not today');
      flush.mockRestore();
      one.puppet.count(1);
      while (turns.length > 0) turns.shift()?.();
    } finally {
      scheduled = undefined;
    }
    expect(one.free.asked.at(-1)).toBe(3);
    expect(two.free.asked.at(-1)).toBe(2);
  });

  it('one that throws at the last event does not keep it from those behind it', async () => {
    const { puppet, log, free, slow } = await open();
    const turns: (() => void)[] = [];
    scheduled = turns;
    try {
      jest.spyOn(slow, 'flush').mockImplementationOnce(() => {
        throw new Error('Not today');
      });
      await puppet.end();
      expect(() => turns.shift()?.()).toThrow('Not today');
      while (turns.length > 0) turns.shift()?.();
    } finally {
      scheduled = undefined;
    }
    expect(free.asked.at(-1)).toBe(log.lastSeq);
  });
});

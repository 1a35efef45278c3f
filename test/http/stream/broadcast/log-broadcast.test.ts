import { afterEach, describe, expect, it, jest } from '@jest/globals';
import type { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { TaskStore } from '../../../../lib/engine/local/task-store.js';
import { FlushQueue } from '../../../../lib/http/stream/broadcast/flush-queue.js';
import { LogBroadcast } from '../../../../lib/http/stream/broadcast/log-broadcast.js';
import {
  type SubscribedStream,
  TaskSubscription,
} from '../../../../lib/http/stream/connection/task-subscription.js';
import type { TaskRun } from '../../../../lib/run/task-run.js';
import { eventually } from '../../../support/wait.js';
import { createTaskApp, type Puppet, PuppetTask } from '../../../support/watching.js';

const watchers: Watcher[] = [];

/** A stream that notes how many events there were when it was to read. */
class Watcher implements SubscribedStream {
  readonly asked: number[] = [];
  readonly subscription: TaskSubscription;
  isBlocked = false;

  constructor(run: TaskRun, broadcast: LogBroadcast, socket?: TakingSocket) {
    const position = { after: run.log.lastSeq };
    this.subscription = new TaskSubscription({ view: run, position, showsPrivate: false }, broadcast, this);
    this.subscription.socket = socket as unknown as Socket | undefined;
    watchers.push(this);
  }

  read({ view }: TaskSubscription): boolean {
    this.asked.push(view.log.lastSeq);
    return false;
  }

  writeEnd(): boolean {
    return false;
  }

  complete(): void {}
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

  afterEach(() => {
    for (const { subscription } of watchers.splice(0)) subscription.close();
  });

  async function open(): Promise<{
    broadcast: LogBroadcast;
    run: TaskRun;
    puppet: Puppet;
    free: Watcher;
    slow: Watcher;
  }> {
    const task = new PuppetTask();
    const { app, coordinator } = await createTaskApp({ tasks: [task.type], listen: false });
    const puppet = await task.start({ url: '', coordinator });
    const run = app.get(TaskStore).find(puppet.handle.ref)!;
    const broadcast = new LogBroadcast(run.log, queue);
    const slow = new Watcher(run, broadcast);
    // Who is the last to be asked has seen that the others were.
    const free = new Watcher(run, broadcast);
    broadcast.schedule();
    await reached(free, 1);
    return { broadcast, run, puppet, free, slow };
  }

  async function reached({ asked }: Watcher, seq: number): Promise<void> {
    await eventually(() => expect(asked.at(-1)).toBe(seq), { interval: 0 });
  }

  it('an event costs nothing for a watcher that is blocked, until its client has taken something', async () => {
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
    broadcast.resume(slow.subscription);
    puppet.count(1);
    await reached(free, 7);
    expect(slow.asked).toEqual([1, 2, 6]);
    slow.isBlocked = false;
    broadcast.resume(slow.subscription);
    puppet.count(1);
    await reached(slow, 8);
    expect(slow.asked).toEqual([1, 2, 6, 7, 8]);
  });

  it('S34 a watcher that is blocked at the end reads to the end once it is not', async () => {
    const { broadcast, puppet, free, slow } = await open();
    slow.isBlocked = true;
    puppet.count(1);
    await reached(free, 2);
    await puppet.end();
    await reached(free, 3);
    expect(slow.asked).toEqual([1, 2]);
    slow.isBlocked = false;
    broadcast.resume(slow.subscription);
    expect(slow.asked).toEqual([1, 2, 3]);
  });

  it('a watcher that leaves while it is blocked is not counted, and does not come back', async () => {
    const { broadcast, puppet, free, slow } = await open();
    slow.isBlocked = true;
    puppet.count(1);
    await reached(free, 2);
    slow.subscription.close();
    expect(broadcast.size).toBe(1);
    slow.isBlocked = false;
    broadcast.resume(slow.subscription);
    expect([broadcast.size, slow.asked]).toEqual([1, [1, 2]]);
    free.subscription.close();
    expect(broadcast.size).toBe(0);
  });

  it('what is more than a chunk goes out in the same turn, as long as there is time', async () => {
    const { broadcast, run, puppet, free } = await open();
    const socket = new TakingSocket();
    const taking = new Watcher(run, broadcast, socket);
    // A time that stands still is never over.
    const now = jest.spyOn(performance, 'now').mockReturnValue(performance.now());
    try {
      for (let n = 0; n < 40; n++) puppet.send('part', 'x'.repeat(1_000));
      await nextTurn();
    } finally {
      now.mockRestore();
    }
    expect(socket.received.split('event: part').length - 1).toBe(40);
    expect(taking.asked).toEqual([]);
    expect(free.asked.at(-1)).toBe(41);
  });

  it('one that throws keeps nothing from the others, nor from itself', async () => {
    const [one, two] = [await open(), await open()];
    const turns: (() => void)[] = [];
    scheduled = turns;
    try {
      const read = jest.spyOn(one.free, 'read').mockImplementationOnce(() => {
        throw new Error('Not today');
      });
      for (const { puppet } of [one, two]) puppet.count(1);
      expect(() => turns.shift()?.()).toThrow('Not today');
      read.mockRestore();
      one.puppet.count(1);
      while (turns.length > 0) turns.shift()?.();
    } finally {
      scheduled = undefined;
    }
    expect(one.free.asked.at(-1)).toBe(3);
    expect(two.free.asked.at(-1)).toBe(2);
  });

  it('one that throws at the last event does not keep it from those behind it', async () => {
    const { puppet, run, free, slow } = await open();
    const turns: (() => void)[] = [];
    scheduled = turns;
    try {
      jest.spyOn(slow, 'read').mockImplementationOnce(() => {
        throw new Error('Not today');
      });
      await puppet.end();
      expect(() => turns.shift()?.()).toThrow('Not today');
      while (turns.length > 0) turns.shift()?.();
    } finally {
      scheduled = undefined;
    }
    expect(free.asked.at(-1)).toBe(run.log.lastSeq);
  });
});

import { describe, expect, it, jest } from '@jest/globals';
import type { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { TaskStore } from '../../../lib/coordinator/task-store.js';
import { FlushQueue } from '../../../lib/http/stream/hub/flush-queue.js';
import { type HubReader, StreamHub } from '../../../lib/http/stream/hub/stream-hub.js';
import { eventually } from '../../support/wait.js';
import { createTaskApp, type Puppet, PuppetTask } from '../../support/watching.js';

/** Notes up to where it was asked to read. */
class Reader implements HubReader {
  readonly asked: number[] = [];
  isBlocked = false;

  flush(seq: number): undefined {
    this.asked.push(seq);
  }

  fallBehind(): void {}
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

/** Has come to where the hub is whenever it is asked. */
class InStep implements HubReader {
  isAsked = false;
  readonly isBlocked = false;

  constructor(private readonly socket: Socket) {}

  flush(): Socket {
    this.isAsked = true;
    return this.socket;
  }

  fallBehind(): void {}
}

describe('the hub of a run', () => {
  /** What the queue has scheduled, while a test decides when the next turn is. */
  let scheduled: (() => void)[] | undefined;
  const queue = new FlushQueue((flush) => (scheduled ? scheduled.push(flush) : setImmediate(flush)));

  async function open(): Promise<{ hub: StreamHub; puppet: Puppet; free: Reader; slow: Reader }> {
    const task = new PuppetTask();
    const { app, coordinator } = await createTaskApp({ tasks: [task.type], listen: false });
    const puppet = await task.start({ url: '', coordinator });
    const hub = new StreamHub(app.get(TaskStore).find(puppet.handle.ref)!, queue);
    const [free, slow] = [new Reader(), new Reader()];
    // Who is the last to be asked has seen that the others were.
    for (const reader of [slow, free]) hub.add(reader);
    hub.schedule();
    await reached(free, 1);
    return { hub, puppet, free, slow };
  }

  async function reached({ asked }: Reader, seq: number): Promise<void> {
    await eventually(() => expect(asked.at(-1)).toBe(seq), { interval: 0 });
  }

  it('an event costs nothing for a reader that is blocked, until its client has taken something', async () => {
    const { hub, puppet, free, slow } = await open();
    slow.isBlocked = true;
    puppet.count(1);
    await reached(free, 2);
    expect(slow.asked).toEqual([1, 2]);
    for (let seq = 3; seq <= 6; seq++) {
      puppet.count(1);
      await reached(free, seq);
    }
    expect(slow.asked).toEqual([1, 2]);
    expect(hub.size).toBe(2);
    // It takes something, and asks to wait again.
    hub.resume(slow);
    puppet.count(1);
    await reached(free, 7);
    expect(slow.asked).toEqual([1, 2, 6]);
    slow.isBlocked = false;
    hub.resume(slow);
    puppet.count(1);
    await reached(slow, 8);
    expect(slow.asked).toEqual([1, 2, 6, 7, 8]);
  });

  it('S34 a reader that is blocked at the end reads to the end once it is not', async () => {
    const { hub, puppet, free, slow } = await open();
    slow.isBlocked = true;
    puppet.count(1);
    await reached(free, 2);
    await puppet.end();
    await reached(free, 3);
    expect(slow.asked).toEqual([1, 2]);
    slow.isBlocked = false;
    hub.resume(slow);
    expect(slow.asked).toEqual([1, 2, 3]);
  });

  it('a reader that leaves while it is blocked is not counted, and does not come back', async () => {
    const { hub, puppet, free, slow } = await open();
    slow.isBlocked = true;
    puppet.count(1);
    await reached(free, 2);
    hub.remove(slow, undefined);
    expect(hub.size).toBe(1);
    slow.isBlocked = false;
    hub.resume(slow);
    expect([hub.size, slow.asked]).toEqual([1, [1, 2]]);
    hub.remove(free, undefined);
    expect(hub.size).toBe(0);
  });

  it('what is more than a chunk goes out in the same turn, as long as there is time', async () => {
    const { hub, puppet, free } = await open();
    const socket = new TakingSocket();
    const reader = new InStep(socket as unknown as Socket);
    hub.add(reader);
    hub.schedule();
    await eventually(() => expect(reader.isAsked).toBe(true), { interval: 0 });
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
});

import { describe, expect, it } from '@jest/globals';
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

describe('the hub of a run', () => {
  async function open(): Promise<{ hub: StreamHub; puppet: Puppet; free: Reader; slow: Reader }> {
    const task = new PuppetTask();
    const { app, coordinator } = await createTaskApp({ tasks: [task.type], listen: false });
    const puppet = await task.start({ url: '', coordinator });
    const hub = new StreamHub(app.get(TaskStore).find(puppet.handle.ref)!, new FlushQueue());
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
});

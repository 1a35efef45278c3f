import { describe, expect, it } from '@jest/globals';
import { EventEmitter, getEventListeners, on, once } from 'node:events';
import { createInterface } from 'node:readline/promises';
import { PassThrough } from 'node:stream';
import {
  scheduler,
  setImmediate as turn,
  setInterval as ticks,
  setTimeout as delay,
} from 'node:timers/promises';
import type { TaskContext } from 'nestjs-streaming';
import { startTask } from '../../support/app.js';

const emitter = new EventEmitter();
const input = new PassThrough();

const waits: [string, (task: TaskContext) => Promise<unknown>][] = [
  ['timers/promises setTimeout', ({ signal }) => delay(600_000, undefined, { signal })],
  ['timers/promises scheduler.wait', ({ signal }) => scheduler.wait(600_000, { signal })],
  [
    'timers/promises setInterval',
    async ({ signal }) => {
      let count = 0;
      for await (const _ of ticks(1, undefined, { signal })) count++;
      return count;
    },
  ],
  [
    'timers/promises setImmediate',
    async ({ signal }) => {
      for (;;) await turn(undefined, { signal });
    },
  ],
  ['events.once', ({ signal }) => once(emitter, 'never', { signal })],
  ['events.once of an EventTarget', ({ signal }) => once(new EventTarget(), 'never', { signal })],
  [
    'events.on',
    async ({ signal }) => {
      const seen: unknown[] = [];
      for await (const event of on(emitter, 'never', { signal })) seen.push(event);
      return seen;
    },
  ],
  [
    'readline question',
    async ({ signal }) => {
      const lines = createInterface({ input });
      try {
        return await lines.question('?', { signal });
      } finally {
        lines.close();
      }
    },
  ],
];

describe('a handler with the signal in what waits', () => {
  const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;

  it.each(waits)('%s: ends cancelled, and leaves nothing behind', async (_name, wait) => {
    let signal: AbortSignal | undefined;
    const before = timers();
    const { handle, running } = await startTask((task) => {
      signal = task.signal;
      return wait(task);
    });
    await running;
    expect(await handle.cancel()).toBe(true);
    expect(await handle.outcome).toMatchObject({ status: 'cancelled', swallowed: false, abandoned: false });
    expect(emitter.eventNames()).toEqual([]);
    expect(getEventListeners(signal!, 'abort')).toEqual([]);
    expect(timers()).toBeLessThanOrEqual(before);
  });

  it.each(waits)('%s: ends timeout when that was the reason', async (_name, wait) => {
    const { handle } = await startTask(wait, { task: { timeout: 30 } });
    expect(await handle.outcome).toMatchObject({ status: 'timeout', swallowed: false, abandoned: false });
  });

  it('events.once: ends failed with the error that comes instead', async () => {
    const failing = new EventEmitter();
    const { handle, running } = await startTask(({ signal }) => once(failing, 'ready', { signal }));
    await running;
    failing.emit('error', new RangeError('broken'));
    expect(await handle.outcome).toMatchObject({ status: 'failed', error: { name: 'RangeError' } });
  });
});

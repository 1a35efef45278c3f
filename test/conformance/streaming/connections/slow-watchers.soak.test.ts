import { describe, expect, it } from '@jest/globals';
import type { ServerResponse } from 'node:http';
import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises';
import type { RawSocket } from '../../../support/clients/raw-socket.js';
import { readSlowly } from '../../../support/clients/relay.js';
import { Peak, responsesOf } from '../../../support/server-side.js';
import { StoppedClock } from '../../../support/stopped-clock.js';
import { eventually, patience } from '../../../support/wait.js';
import {
  adapters,
  createTaskApp,
  expectNoHole,
  expectWatchers,
  type Puppet,
  PuppetTask,
  quiet,
  watch,
  watchRaw,
} from '../../../support/watching.js';

/** What waits in the server's memory for one client. */
function waitingBytes(response: ServerResponse): number {
  return response.writableLength + (response.socket?.writableLength ?? 0);
}

const big = 'x'.repeat(200_000);
const stallTimeout = 30_000;
/** One event, one chunk, and what frames them: counted by the response and by its socket. */
const bound = 1_000_000;

describe.each(adapters)('slow and broken watchers (%s)', (adapter) => {
  /** A watcher that has stopped reading, of a task whose log keeps so many bytes. */
  async function stall(
    bytes: number,
  ): Promise<{ puppet: Puppet; stuck: RawSocket; response: ServerResponse }> {
    const task = new PuppetTask({ replay: { bytes } });
    const app = await createTaskApp({ adapter, tasks: [task.type], options: { http: { stallTimeout } } });
    const responses = responsesOf(app);
    const puppet = await task.start(app);
    const stuck = await watchRaw(puppet.url);
    await stuck.until('started');
    stuck.pause();
    return { puppet, stuck, response: responses[0]! };
  }

  it('S23 a replay far larger than the socket is paced by the socket', async () => {
    const task = new PuppetTask({ replay: { bytes: 60_000_000 } });
    const app = await createTaskApp({ adapter, tasks: [task.type] });
    const responses = responsesOf(app);
    const puppet = await task.start(app);
    for (let n = 0; n < 200; n++) puppet.send('big', big);
    const stream = await watch(puppet.url);
    stream.pause();
    const [response] = responses;
    using peak = new Peak(() => waitingBytes(response!));
    await eventually(() => waitingBytes(response!) > 0);
    stream.resume();
    await stream.nextEvents(201);
    await puppet.end();
    await stream.ended;
    expectNoHole(stream.events);
    expect(peak.most).toBeGreaterThan(0);
    expect(peak.most).toBeLessThan(bound);
  });

  it('S49 A21 a watcher that stops reading costs a bounded amount, and nobody is later for it', async () => {
    const { puppet, stuck, response } = await stall(2_000_000);
    const other = await watch(puppet.url);
    await other.next('started');
    let written = 0;
    for (let n = 0; n < 100; n++) {
      puppet.send('big', big);
      written += big.length;
      await other.next('big');
      expect(waitingBytes(response)).toBeLessThan(bound);
    }
    expect(written).toBeGreaterThan(10 * bound);
    // Nothing waits for its turn behind the stuck one.
    puppet.count(1);
    await other.next('n');
    expectNoHole(other.events);
    expect(other.events.filter(({ type }) => type === 'gap')).toEqual([]);
    // The stuck one reads on: it is told what it missed.
    stuck.resume();
    await puppet.end();
    await stuck.until('event: completed');
    expect(stuck.body.includes('event: gap\n')).toBe(true);
  });

  it('S51 A21 a watcher that is given up is destroyed, and its memory is free', async () => {
    using clock = new StoppedClock();
    const { puppet, stuck, response } = await stall(30_000_000);
    const other = await watch(puppet.url);
    for (let n = 0; n < 100; n++) puppet.send('big', big);
    await eventually(() => waitingBytes(response) > 0);
    await other.nextEvents(101);
    await clock.advance(2 * stallTimeout);
    await expectWatchers(puppet, 1);
    expect(response.destroyed).toBe(true);
    await eventually(() => expect(waitingBytes(response)).toBe(0));
    stuck.resume();
    await stuck.closed;
    expect(stuck.received.endsWith('0\r\n\r\n')).toBe(false);
    await puppet.end();
    expect(await other.ended).toBe('complete');
  });

  it('S51 A21 one that is stalled when the task ends is destroyed as well', async () => {
    using clock = new StoppedClock();
    const { puppet, response } = await stall(30_000_000);
    for (let n = 0; n < 100; n++) puppet.send('big', big);
    await eventually(() => waitingBytes(response) > 0);
    await puppet.end();
    await clock.advance(2 * stallTimeout);
    await eventually(() => response.destroyed);
    await eventually(() => expect(waitingBytes(response)).toBe(0));
  });

  it('S51 A21 one that is stalled with the end of its response still to take is destroyed as well', async () => {
    using clock = new StoppedClock();
    const { puppet, response } = await stall(30_000_000);
    // As much as the kernel takes, and then no more than what the response may hold: it is ended, and not finished.
    while (waitingBytes(response) === 0) {
      puppet.send('some', 'x'.repeat(8_000));
      await turn();
    }
    await puppet.end();
    await clock.advance(2 * stallTimeout);
    await eventually(() => response.destroyed);
    await eventually(() => expect(waitingBytes(response)).toBe(0));
  });

  it('S49 a watcher that reads slowly, but reads, is not given up', async () => {
    // The kernel takes more only when a third of its buffer is free, two megabytes or so: what the client reads shows in steps.
    using clock = new StoppedClock();
    const task = new PuppetTask({ replay: { bytes: 100_000_000 } });
    const app = await createTaskApp({ adapter, tasks: [task.type] });
    const puppet = await task.start(app);
    // All of one size, so that as much waits after each of them as before it.
    for (let n = 0; n < 300; n++) puppet.send('big', big);
    await puppet.end();
    const slow = await watchRaw(puppet.url);
    await slow.until('started');
    // Counted only: a text of this length would be what makes the reader slow.
    slow.socket.removeAllListeners('data');
    let tail = '';
    slow.socket.on('data', (chunk: Buffer) => {
      tail = (tail + chunk.toString('latin1')).slice(-200);
    });
    readSlowly(slow.socket, 1_000_000, () => clock.advance(stallTimeout / 10));
    await eventually(() => slow.isClosed || tail.endsWith('0\r\n\r\n'), { timeout: 2 * patience });
    expect(tail).toMatch(/event: completed\n[^]*0\r\n\r\n$/);
    expect(clock.now()).toBeGreaterThan(2 * stallTimeout);
  });

  it('A23 every watcher gets the heartbeat, also of a silent task', async () => {
    const task = new PuppetTask();
    const app = await createTaskApp({ adapter, tasks: [task.type], options: { http: { heartbeat: 20 } } });
    const puppet = await task.start(app);
    const streams = await Promise.all([watch(puppet.url), watch(puppet.url), watch(puppet.url)]);
    for (const stream of streams) {
      await eventually(() => expect(stream.comments).toBeGreaterThan(5));
      // ":" and LF, and no blank line that some clients would take for an empty message.
      expect(stream.raw).toMatch(/\nid: [a-z0-9]+-1\n\n(:\n)+$/);
      expect(stream.events).toHaveLength(1);
    }
    await puppet.end();
  });

  it('S49 no clock is left running when the last watcher has gone', async () => {
    const task = new PuppetTask();
    const app = await createTaskApp({ adapter, tasks: [task.type], options: { http: { heartbeat: 10 } } });
    const responses = responsesOf(app);
    const puppet = await task.start(app);
    const stream = await watch(puppet.url);
    await stream.next('started');
    await stream.close();
    await expectWatchers(puppet, 0);
    await delay(quiet);
    expect(responses[0]!.destroyed).toBe(true);
    expect(responses[0]!.listenerCount('drain')).toBe(0);
    await puppet.end();
  });
});

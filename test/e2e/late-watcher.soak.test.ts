/** A watcher that joins after 100 000 events has the same state as one that saw them all, from less than 2 % of the bytes. */
import { describe, expect, it } from '@jest/globals';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { StreamTaskOptions, TaskContext } from 'nestjs-streaming';
import { newPrefix, redisEngine } from '../support/app/redis-engine.js';
import { createTaskApp, handlerTask, type TaskAppOptions } from '../support/app.js';
import { openStream } from '../support/clients/sse.js';
import { foldSeen, tallies, tallyOf } from '../support/folding.js';
import { describeWithRedis } from '../support/programs/redis.js';
import { deferred } from '../support/wait.js';

const EVENTS = 100_000;
/** So many are sent before the handler waits until they are in the log, and the watcher has a turn. */
const AT_ONCE = 500;

// All of it is kept, for the one that sees all of it.
const folding = {
  ...(tallies as StreamTaskOptions),
  replay: { events: 2 * EVENTS, bytes: 32 * 1024 * 1024 },
};

function itIsWhole(options: () => TaskAppOptions['options']): void {
  it('has the same state, from less than 2 % of the bytes', async () => {
    const [watched, end] = [deferred<void>(), deferred<void>()];
    const type = handlerTask(async (task: TaskContext) => {
      await watched.promise;
      for (let n = 1; n <= EVENTS; n++) {
        const sent = task.sendEvent('n', n);
        if (n % AT_ONCE > 0) continue;
        await sent;
        await nextTurn();
      }
      await end.promise;
    }, folding);
    const { coordinator, url } = await createTaskApp({ tasks: [type], ...withOptions(options()) });
    const handle = await coordinator.start(type, {});
    const { app, name, id } = handle.ref;
    const stream = `${url}/${app}/${name}/${id}`;
    await using all = await openStream(stream);
    watched.resolve();
    await all.next((event) => event.data === EVENTS);
    await using late = await openStream(`${stream}?from=state`);
    const joined = performance.now();
    await late.next('state');
    expect(performance.now() - joined).toBeLessThan(5_000);
    end.resolve();
    await Promise.all([all.ended, late.ended]);

    const whole = tallyOf(EVENTS, { completed: 1 });
    expect(all.events.length).toBeGreaterThan(EVENTS);
    expect(all.events.filter(({ type: event }) => event === 'gap')).toEqual([]);
    for (const { events } of [all, late]) expect(foldSeen(events)).toEqual(whole);
    expect((await handle.snapshot()).state).toEqual(whole);
    await using ended = await openStream(`${stream}?from=state`);
    await ended.ended;
    expect(foldSeen(ended.events)).toEqual(whole);
    for (const { raw } of [late, ended]) expect(raw.length).toBeLessThan(all.raw.length / 50);
    process.stdout.write(`${all.raw.length} bytes, and ${late.raw.length} of the state and what follows\n`);
  }, 120_000);
}

function withOptions(options: TaskAppOptions['options']): Pick<TaskAppOptions, 'options'> {
  return options ? { options } : {};
}

describe('a late watcher of a task in this process', () => itIsWhole(() => undefined));

describeWithRedis('a late watcher of a task in Redis', [], (server) =>
  itIsWhole(() => ({ engine: redisEngine(server, newPrefix()) })),
);

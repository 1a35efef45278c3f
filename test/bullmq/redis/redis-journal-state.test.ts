import { expect, it } from '@jest/globals';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { allWritten, count, describeStore, ending, FakeRun, type Instance } from './support.js';
import type { TaskKeys } from '../../../lib/bullmq/redis/task-keys.js';
import type { Release } from '../../../lib/bullmq/redis/journal-run.js';

/** The state of these tests is how many events there are: it stands for the newest, or says so. */
async function look(instance: Instance, keys: TaskKeys): Promise<unknown[]> {
  const { state, stateBefore, lastSeq } = (await instance.read(keys))!.record;
  return [state, stateBefore, lastSeq];
}

const again: Release = {
  event: { type: 'retrying', json: '{}', state: '2' },
  delay: 0,
  isFree: true,
};

describeStore('the state of a task in Redis', ({ open }) => {
  it('is there from the start', async () => {
    const instance = await open();
    const { keys } = await instance.claimNew({ state: '0' });
    expect(await look(instance, keys)).toEqual(['0', null, 0]);
  });

  it('is written in one step with its events: whoever looks sees both, or neither', async () => {
    const instance = await open();
    const { keys, lease } = await instance.claimNew({ state: '0' });
    const journal = instance.journal(lease);
    const seen: unknown[][] = [];
    let sent = 0;
    while (seen.length < 50) {
      const written = count(20).map(() => journal.append('n', '0', String(++sent)));
      await nextTurn();
      // The write is on its way, and so are more.
      void journal.append('n', '0', String(++sent));
      seen.push(await look(instance, keys));
      await allWritten(written);
    }
    await journal.append('n', '0', String(++sent));
    for (const [state, before, lastSeq] of seen) expect([state, before]).toEqual([String(lastSeq), null]);
    expect(await look(instance, keys)).toEqual([String(sent), null, sent]);
  });

  it('stays where an event does not change it', async () => {
    const instance = await open();
    const { keys, lease } = await instance.claimNew({ state: '0' });
    const journal = instance.journal(lease);
    await allWritten([journal.append('a', '1', '1'), journal.append('b', '1')]);
    await journal.append('c', '1');
    expect(await look(instance, keys)).toEqual(['1', null, 3]);
  });

  it('of an owner that has lost its task is not seen, no more than its events', async () => {
    const [zombie, owner] = await Promise.all([open(), open()]);
    const { keys, lease } = await zombie.claimNew({ state: '0' });
    const journal = zombie.journal(lease);
    await journal.append('n', '1', '1');
    const next = owner.journal(await owner.claim(keys, true));
    await journal.append('zombie', '1', '"zombie"');
    await journal.end('completed', '{}', ending(), '"zombie end"');
    expect(await look(owner, keys)).toEqual(['1', null, 1]);
    await next.append('n', '2', '2');
    expect(await look(owner, keys)).toEqual(['2', null, 2]);
  });

  it('behind the end is kept, and that before it', async () => {
    const instance = await open();
    const { keys, lease } = await instance.claimNew({ state: '0' });
    const journal = instance.journal(lease);
    void journal.append('n', '1', '1');
    await journal.end('completed', '{}', ending(), '2');
    expect(await look(instance, keys)).toEqual(['2', '1', 2]);
  });

  it('behind the event of a release goes with it', async () => {
    const instance = await open();
    const { keys, lease } = await instance.claimNew({ state: '0' });
    const run = new FakeRun();
    run.instead = again;
    const journal = instance.journal(lease, run);
    void journal.append('n', '1', '1');
    await journal.end('failed', '{}', ending());
    expect(await look(instance, keys)).toEqual(['2', null, 2]);
    expect(await instance.typesIn(keys)).toEqual(['n', 'retrying']);
  });

  it('that cannot be folded behind a release ends the task instead', async () => {
    const instance = await open();
    const { keys, lease } = await instance.claimNew({ state: '0' });
    const run = new FakeRun();
    run.instead = again;
    run.isBroken = true;
    run.secondEnd = 'failed';
    await instance.journal(lease, run).end('failed', '{}', ending());
    expect(await look(instance, keys)).toEqual(['0', null, 1]);
    expect(await instance.typesIn(keys)).toEqual(['failed']);
  });
});

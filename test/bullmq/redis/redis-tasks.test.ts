import { expect, it } from '@jest/globals';
import { dropSignals } from '../../../lib/bullmq/redis/scripts/signal.js';
import { eventually } from '../../support/wait.js';
import { describeStore, ending, newKey, newTask } from './support.js';

const request = { kind: 'external', detail: 'enough', by: 'ann' } as const;
const cancelled = '{"message":"Task was cancelled"}';

describeStore('tasks in Redis', ({ server, open }) => {
  it('registers a task once, however many instances start it at once', async () => {
    const instances = await Promise.all([open(), open(), open()]);
    const key = newKey();
    const starts = await Promise.all(
      Array.from({ length: 30 }, (_start, n) => {
        const { tasks } = instances[n % 3]!;
        return tasks.start(tasks.keysOf(key), newTask(key, { options: `{"n":${n}}` }), false);
      }),
    );
    expect(starts.filter(({ created }) => created)).toHaveLength(1);
    expect(new Set(starts.map(({ task }) => task.epoch)).size).toBe(1);
    expect(new Set(starts.map(({ task }) => task.options)).size).toBe(1);
  });

  it('gives a task as it was started, without its input', async () => {
    const instance = await open();
    const { tasks } = instance;
    const key = newKey();
    const keys = tasks.keysOf(key);
    const before = Date.now();
    const { task } = await tasks.start(keys, newTask(key, { owner: 'ann', metadata: '{"a":1}' }), false);
    expect(task).toMatchObject({
      status: 'pending',
      attempt: 0,
      owner: 'ann',
      metadata: '{"a":1}',
      startedAt: null,
      endedAt: null,
      firstSeq: 1,
      lastSeq: 0,
    });
    expect(Math.abs(task.createdAt - before)).toBeLessThan(5_000);
    expect(await instance.read(keys)).toMatchObject({ record: task, events: [], ended: false });
    expect(await instance.read(tasks.keysOf('test:work:nobody'))).toBeUndefined();
  });

  it('knows a start that is sent again', async () => {
    const { tasks } = await open();
    const key = newKey();
    const task = newTask(key);
    expect(await tasks.start(tasks.keysOf(key), task, false)).toMatchObject({ created: true });
    expect(await tasks.start(tasks.keysOf(key), task, false)).toMatchObject({ created: true });
  });

  it('starts an ended task anew where that is asked for, and never a running one', async () => {
    const instance = await open();
    const { tasks } = instance;
    const { keys, lease } = await instance.claimNew();
    const another = newTask('test:work:restarted');
    expect(await tasks.start(keys, another, true)).toMatchObject({
      created: false,
      task: { epoch: lease.epoch },
    });
    const journal = instance.journal(lease);
    void journal.append('started', '{}');
    await journal.end('completed', '{}', ending());
    expect(await tasks.start(keys, another, false)).toMatchObject({
      created: false,
      task: { epoch: lease.epoch, status: 'completed' },
    });
    expect(await tasks.start(keys, another, true)).toMatchObject({
      created: true,
      task: { epoch: another.epoch, status: 'pending', attempt: 0, endedAt: null, lastSeq: 0 },
    });
    expect((await instance.read(keys))!.events).toEqual([]);
    expect(await server.connect().pttl(keys.record)).toBe(-1);
  });

  it('hands a claim what the run needs', async () => {
    const { tasks } = await open();
    const key = newKey();
    const keys = tasks.keysOf(key);
    const task = newTask(key, { options: '{"timeout":5}' });
    await tasks.start(keys, task, false);
    const claim = await tasks.claim(keys, task.epoch, false);
    expect(claim).toMatchObject({
      verdict: 'run',
      input: '{"rows":3}',
      checkpoint: null,
      requests: [],
      task: { status: 'running', attempt: 1, options: '{"timeout":5}' },
      lease: { lastSeq: 0, attempt: 1, seenRequests: 0 },
    });
  });

  it('refuses to claim what is not there, has ended, or is another run by now', async () => {
    const instance = await open();
    const { tasks } = instance;
    const { keys, lease } = await instance.claimNew();
    expect(await tasks.claim(tasks.keysOf(newKey()), lease.epoch, false)).toEqual({ verdict: 'unknown' });
    expect(await tasks.claim(keys, 'anotherepoch', false)).toEqual({ verdict: 'another-run' });
    await instance.journal(lease).end('completed', '{}', ending());
    expect(await tasks.claim(keys, lease.epoch, false)).toEqual({ verdict: 'ended' });
  });

  it('refuses to claim what has to wait, whatever the clock of the instance says', async () => {
    const { tasks } = await open();
    const key = newKey();
    const keys = tasks.keysOf(key);
    const task = newTask(key, { delay: 20 });
    await tasks.start(keys, task, false);
    expect(await tasks.claim(keys, task.epoch, false)).toMatchObject({ verdict: 'early' });
    await eventually(async () => (await tasks.claim(keys, task.epoch, false)).verdict === 'run');
    const another = newTask(newKey(), { delay: 60_000 });
    const anotherKeys = tasks.keysOf(newKey());
    await tasks.start(anotherKeys, another, false);
    expect(await tasks.cancel(anotherKeys, request, cancelled)).toBe('cancelled');
  });

  it('tells a claim that the last try was lost, and counts a try only where one begins', async () => {
    const instance = await open();
    const { tasks } = instance;
    const { keys, lease } = await instance.claimNew();
    expect(await tasks.claim(keys, lease.epoch, false)).toMatchObject({
      verdict: 'lost',
      task: { attempt: 1, freeAttempts: 0 },
    });
    expect(await tasks.claim(keys, lease.epoch, true)).toMatchObject({
      verdict: 'resumed',
      task: { attempt: 2, freeAttempts: 1 },
    });
  });

  it('hands a claim the cancel that was accepted before the last try was lost', async () => {
    const instance = await open();
    const { tasks } = instance;
    const { keys, lease } = await instance.claimNew();
    expect(await tasks.cancel(keys, request, cancelled)).toBe('cancelling');
    expect(await tasks.claim(keys, lease.epoch, true)).toMatchObject({
      verdict: 'cancelled',
      requests: [request],
      task: { status: 'cancelling', attempt: 1, cancellation: JSON.stringify(request) },
    });
  });

  it('keeps a checkpoint of the owner for the next try, and for nobody after the end', async () => {
    const instance = await open();
    const { tasks } = instance;
    const { keys, lease } = await instance.claimNew();
    const journal = instance.journal(lease);
    void journal.append('n', '1');
    void journal.saveCheckpoint('1');
    await journal.saveCheckpoint('{"row":2}');
    const next = await tasks.claim(keys, lease.epoch, true);
    expect(next).toMatchObject({ checkpoint: '{"row":2}' });
    await journal.saveCheckpoint('3');
    if (!('lease' in next)) throw new Error('It was not claimed');
    await instance.journal(next.lease).end('completed', '{}', ending());
    expect(await server.connect().hmget(keys.record, 'checkpoint', 'input', 'lease')).toEqual([
      null,
      null,
      null,
    ]);
  });

  it('forgets an ended task, and no other', async () => {
    const instance = await open();
    const { tasks } = instance;
    const { keys, lease } = await instance.claimNew();
    expect(await tasks.forget(keys)).toBe(false);
    expect(await instance.read(keys)).toBeDefined();
    await instance.journal(lease).end('completed', '{}', ending());
    expect(await tasks.forget(keys)).toBe(true);
    expect(await tasks.forget(keys)).toBe(true);
    expect(await instance.read(keys)).toBeUndefined();
  });

  it('counts those who watch this run, and leaves its count alone where they watch an earlier one', async () => {
    const instance = await open();
    const { tasks } = instance;
    const { keys, lease } = await instance.claimNew();
    const watchers = async (): Promise<number> => (await instance.read(keys))!.record.watchers;
    expect(await tasks.watch(keys, lease.epoch, 2, 10_000)).toBe(true);
    for (const count of [0, 5]) {
      expect(await tasks.watch(keys, 'anotherepoch', count, 10_000)).toBe(false);
      expect(await watchers()).toBe(2);
    }
    expect(await tasks.watch(keys, lease.epoch, 0, 10_000)).toBe(true);
    expect(await watchers()).toBe(0);
  });

  it('leaves nothing of a task behind after its retention', async () => {
    const instance = await open();
    const { tasks } = instance;
    const client = server.connect();
    await client.flushall();
    const { keys, lease } = await instance.claimNew({ retention: 50 });
    await tasks.signal(keys, 'go', '1', 100);
    await tasks.cancel(keys, request, cancelled);
    const journal = instance.journal(lease);
    void journal.append('started', '{}');
    await journal.end('cancelled', cancelled, ending({ status: 'cancelled' }));
    await eventually(async () => (await client.keys('*')).length === 0);
  });

  it('goes on when Redis has forgotten the scripts', async () => {
    const instance = await open();
    const client = server.connect();
    const { keys, lease } = await instance.claimNew();
    const journal = instance.journal(lease);
    for (let n = 0; n < 20; n++) {
      await client.script('FLUSH');
      await journal.append('n', String(n));
    }
    expect(await instance.tasks.cancel(keys, request, cancelled)).toBe('cancelling');
    expect((await instance.read(keys))!.events.map(({ json }) => Number(json))).toEqual(
      Array.from({ length: 20 }, (_event, n) => n),
    );
  });
});

describeStore('a request to cancel a task in Redis', ({ server, open }) => {
  it('ends a task at once that nobody has', async () => {
    const instance = await open();
    const { tasks } = instance;
    const key = newKey();
    const keys = tasks.keysOf(key);
    const task = newTask(key);
    await tasks.start(keys, task, false);
    expect(await tasks.cancel(keys, request, cancelled)).toBe('cancelled');
    expect(await instance.read(keys)).toMatchObject({
      ended: true,
      record: { status: 'cancelled', startedAt: null, cancellation: JSON.stringify(request) },
      events: [{ seq: 1, type: 'cancelled', json: cancelled }],
    });
    expect(await tasks.claim(keys, task.epoch, false)).toEqual({ verdict: 'ended' });
    expect(await tasks.cancel(keys, request, cancelled)).toBe('ended');
  });

  it('is told from one of another run, of a task that is over, and of none', async () => {
    const instance = await open();
    const { tasks } = instance;
    const { keys, lease } = await instance.claimNew();
    expect(await tasks.cancel(keys, request, cancelled, 'anotherepoch')).toBe('another-run');
    expect(await tasks.cancel(tasks.keysOf(newKey()), request, cancelled)).toBe('unknown');
    expect((await instance.read(keys))!.record.status).toBe('running');
    expect(await tasks.cancel(keys, request, cancelled, lease.epoch)).toBe('cancelling');
    await instance.journal(lease).end('cancelled', cancelled, ending());
    expect(await tasks.cancel(keys, request, cancelled, lease.epoch)).toBe('ended');
  });

  it('has the first reason, and its owner hears of every one', async () => {
    const [instance, another] = await Promise.all([open(), open()]);
    const { keys, lease } = await instance.claimNew();
    let heard = '';
    instance.news.onInstance(instance.tasks.channel, (message) => {
      heard = message ?? 'listens';
    });
    await eventually(() => heard === 'listens');
    const { tasks } = another;
    expect(await tasks.cancel(keys, { ...request, grace: 500 }, cancelled)).toBe('cancelling');
    await eventually(() => heard === keys.record);
    expect(await tasks.cancel(keys, { kind: 'external', detail: 'now' }, cancelled)).toBe('cancelling');
    expect((await another.read(keys))!.record).toMatchObject({
      status: 'cancelling',
      cancellation: JSON.stringify(request),
    });
    const claim = await tasks.claim(keys, lease.epoch, false);
    expect(claim).toMatchObject({ requests: [{ ...request, grace: 500 }, { detail: 'now' }] });
  });

  it('that is sent again is one request', async () => {
    const instance = await open();
    const { connection, tasks } = instance;
    const { keys } = await instance.claimNew();
    const run = connection.run.bind(connection);
    connection.run = async (...args) => {
      await run(...args);
      return run(...args);
    };
    expect(await tasks.cancel(keys, request, cancelled)).toBe('cancelling');
    expect(await server.connect().llen(keys.requests)).toBe(1);
    const key = newKey();
    await tasks.start(tasks.keysOf(key), newTask(key), false);
    expect(await tasks.cancel(tasks.keysOf(key), request, cancelled)).toBe('cancelled');
  });

  it('comes too late once the outcome stands', async () => {
    const instance = await open();
    const { keys, lease } = await instance.claimNew();
    expect(await instance.journal(lease).decide()).toBe('taken');
    expect(await instance.tasks.cancel(keys, request, cancelled)).toBe('decided');
  });
});

describeStore('signals in Redis', ({ server, open }) => {
  const most = 3;

  it('wait in order until the handler has taken them, also over a loss', async () => {
    const instance = await open();
    const { tasks } = instance;
    const { keys, lease } = await instance.claimNew();
    for (const n of [1, 2, 3]) expect(await tasks.signal(keys, 'row', `"a b ${n}"`, most)).toBe('taken');
    expect(await tasks.signal(keys, 'go', 'null', most)).toBe('taken');
    const waiting = await tasks.signals(keys);
    expect(waiting.map(({ name, json }) => `${name} ${json}`)).toEqual([
      'row "a b 1"',
      'row "a b 2"',
      'row "a b 3"',
      'go null',
    ]);
    expect(await tasks.dropSignals(lease, [waiting[0]!.id, waiting[3]!.id])).toBe('taken');
    const next = await instance.claim(keys, true);
    expect(await tasks.dropSignals(lease, [waiting[1]!.id])).toBe('lost');
    expect((await tasks.signals(keys)).map(({ json }) => json)).toEqual(['"a b 2"', '"a b 3"']);
    expect(
      await tasks.dropSignals(
        next,
        waiting.map(({ id }) => id),
      ),
    ).toBe('taken');
    expect(await tasks.signals(keys)).toEqual([]);
  });

  it('are refused where too many of a name wait, of too many names, or too many bytes, until some were taken', async () => {
    const instance = await open();
    const { tasks } = instance;
    const { keys, lease } = await instance.claimNew({ limits: { events: 10, bytes: 100 } });
    const send = (name: string, json: string): Promise<string> => tasks.signal(keys, name, json, most);
    for (const n of [1, 2, 3]) await send('row', String(n));
    expect(await send('row', '4')).toBe('too-many');
    expect(await send('big', `"${'x'.repeat(96)}"`)).toBe('too-many-bytes');
    expect(await send('other', '5')).toBe('taken');
    expect(await send('third', '6')).toBe('taken');
    expect(await send('fourth', '7')).toBe('too-many-names');
    const [first, , , other] = await tasks.signals(keys);
    await tasks.dropSignals(lease, [first!.id]);
    expect(await send('row', '4')).toBe('taken');
    expect(await send('row', '5')).toBe('too-many');
    expect(await send('fourth', '7')).toBe('too-many-names');
    await tasks.dropSignals(lease, [other!.id]);
    expect(await send('fourth', `"${'x'.repeat(95)}"`)).toBe('too-many-bytes');
    expect(await send('fourth', `"${'x'.repeat(94)}"`)).toBe('taken');
  });

  it('are refused for a task that is over, and for none', async () => {
    const instance = await open();
    const { tasks } = instance;
    const { keys, lease } = await instance.claimNew();
    await instance.journal(lease).end('completed', '{}', ending());
    expect(await tasks.signal(keys, 'row', '1', most)).toBe('ended');
    expect(await tasks.signal(tasks.keysOf(newKey()), 'row', '1', most)).toBe('unknown');
    const another = await instance.claimNew();
    expect(await tasks.signal(another.keys, 'row', '1', most, lease.epoch)).toBe('another-run');
  });

  it('that are sent again are one, also when the handler has taken it meanwhile', async () => {
    const instance = await open();
    const { connection, tasks } = instance;
    const { keys, lease } = await instance.claimNew();
    const run = connection.run.bind(connection);
    connection.run = async (...args) => {
      await run(...args);
      for (const { id } of await tasks.signals(keys)) {
        await run(dropSignals, keys, [lease.token, id]);
      }
      return run(...args);
    };
    expect(await tasks.signal(keys, 'row', '1', most)).toBe('taken');
    expect(await tasks.signals(keys)).toEqual([]);
    expect(await server.connect().hget(keys.signals, 'bytes')).toBe('0');
  });
});

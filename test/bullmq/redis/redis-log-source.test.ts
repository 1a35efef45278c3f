import { expect, it } from '@jest/globals';
import { LogCursor, type LogGap } from '../../../lib/log/read/log-cursor.js';
import type { LogEntry } from '../../../lib/log/log-entry.js';
import type { LogPage } from '../../../lib/log/read/log-source.js';
import { LogWindow } from '../../../lib/log/read/log-window.js';
import { RedisLogSource } from '../../../lib/bullmq/redis/redis-log-source.js';
import type { TaskKeys } from '../../../lib/bullmq/redis/task-keys.js';
import { eventually } from '../../support/wait.js';
import { allWritten, describeStore, ending, FakeRun, type Instance, newTask } from './support.js';

const { signal } = new AbortController();

function sourceOf(instance: Instance, keys: TaskKeys, epoch: string): RedisLogSource {
  return new RedisLogSource(instance.connection, instance.news, keys, epoch);
}

async function readPage(source: RedisLogSource, from: number, bytes = 1_000): Promise<LogPage> {
  const page = await source.read(from, bytes, signal);
  if (typeof page !== 'object') throw new Error('The log is gone');
  return page;
}

function count(length: number): number[] {
  return Array.from({ length }, (_item, n) => n);
}

describeStore('a log that is read from Redis', ({ open }) => {
  it('comes in pages of about as many bytes as are wanted, with the task in the same step', async () => {
    const instance = await open();
    const { keys, lease } = await instance.claimNew();
    const lengths = [10, 900, 10, 10, 2_000, 10, 300, 300, 300, 300, 10];
    const journal = instance.journal(lease);
    await allWritten(lengths.map((length) => journal.append('n', `"${'x'.repeat(length)}"`)));
    const source = sourceOf(instance, keys, lease.epoch);
    const pages: number[][] = [];
    for (let next = 1; next <= lengths.length;) {
      const page = await readPage(source, next);
      expect(page).toMatchObject({ firstSeq: 1, lastSeq: 11, ended: false, record: { status: 'running' } });
      pages.push(page.events.map(({ seq }) => seq));
      next = page.events.at(-1)!.seq + 1;
    }
    expect(pages).toEqual([[1, 2, 3, 4], [5], [6, 7, 8, 9], [10, 11]]);
    const [event] = (await readPage(source, 2, 1)).events;
    expect(event).toMatchObject({ seq: 2, type: 'n', json: `"${'x'.repeat(900)}"` });
    expect(Math.abs(event!.timestamp - Date.now())).toBeLessThan(60_000);
    expect((await readPage(source, 12)).events).toEqual([]);
  });

  it('begins with what is kept, where that was trimmed which was asked for', async () => {
    const instance = await open();
    const { keys, lease } = await instance.claimNew({ limits: { events: 3, bytes: 1 << 20 } });
    const journal = instance.journal(lease);
    await allWritten(count(10).map((n) => journal.append('n', String(n))));
    const page = await readPage(sourceOf(instance, keys, lease.epoch), 2);
    expect(page).toMatchObject({ firstSeq: 8, lastSeq: 10 });
    expect(page.events.map(({ seq }) => seq)).toEqual([8, 9, 10]);
  });

  it('is gone when its task is, and when another run has its id', async () => {
    const instance = await open();
    const { keys, lease } = await instance.claimNew();
    const source = sourceOf(instance, keys, lease.epoch);
    await instance.journal(lease).end('completed', '{}', ending());
    expect(await source.read(1, 1_000, signal)).toMatchObject({ ended: true, lastSeq: 1 });
    await instance.tasks.start(keys, newTask('test:work:again'), true);
    expect(await source.read(1, 1_000, signal)).toBe('replaced');
    await instance.connection.client.flushall();
    expect(await source.read(1, 1_000, signal)).toBeUndefined();
  });
});

describeStore('news of a log in Redis', ({ server, open }) => {
  it('come on every instance, for each who listens, and to nobody else', async () => {
    const [writer, reader] = await Promise.all([open(), open()]);
    const { keys, lease } = await writer.claimNew();
    const another = await writer.claimNew();
    const calls = [0, 0, 0];
    const listen = (index: number, of: typeof another): Disposable =>
      sourceOf(reader, of.keys, of.lease.epoch).onNews(() => void calls[index]!++);
    const listening = [listen(0, { keys, lease }), listen(1, { keys, lease }), listen(2, another)];
    await eventually(() => calls.every((called) => called > 0));
    await eventually(async () => (await reader.connection.client.pubsub('NUMSUB', keys.news))[1] === 1);
    const before = [...calls];
    const journal = writer.journal(lease);
    await journal.append('one', '1');
    await eventually(() => calls[0]! > before[0]! && calls[1]! > before[1]!);
    expect(calls[2]).toBe(before[2]);
    listening[0]![Symbol.dispose]();
    const kept = [...calls];
    await journal.append('two', '2');
    await eventually(() => calls[1]! > kept[1]!);
    expect(calls[0]).toBe(kept[0]);
    for (const one of listening) one[Symbol.dispose]();
    const client = server.connect();
    await eventually(async () => ((await client.pubsub('CHANNELS', '*')) as string[]).length === 0);
  });

  it('are a call to read where they have a form of another version', async () => {
    const instance = await open();
    const { keys, lease } = await instance.claimNew();
    const heard: unknown[] = [];
    const listening = sourceOf(instance, keys, lease.epoch).onNews((news) => heard.push(news?.lastSeq));
    await eventually(() => heard.length > 0);
    heard.length = 0;
    await instance.connection.client.publish(keys.news, `${lease.epoch} 1 1 1\n\nn\n1`);
    await instance.journal(lease).append('n', '1');
    await eventually(() => heard.length === 2);
    expect(heard).toEqual([undefined, 1]);
    listening[Symbol.dispose]();
  });

  it('can be given up and asked for again in one turn', async () => {
    const instance = await open();
    const { keys, lease } = await instance.claimNew();
    const source = sourceOf(instance, keys, lease.epoch);
    let calls = 0;
    for (let turn = 0; turn < 50; turn++) {
      const first = source.onNews(() => undefined);
      if (turn % 3 === 0) await instance.connection.client.ping();
      first[Symbol.dispose]();
      if (turn % 2 === 0) await instance.connection.client.ping();
    }
    source.onNews(() => calls++);
    await eventually(() => calls > 0);
    const heard = calls;
    await instance.journal(lease).append('one', '1');
    await eventually(() => calls > heard);
  });

  it('are told again after each reconnect: nothing that was written meanwhile is missed', async () => {
    const [writer, reader] = await Promise.all([open(), open()]);
    const { keys, lease } = await writer.claimNew();
    const source = sourceOf(reader, keys, lease.epoch);
    const journal = writer.journal(lease);
    let seen = 0;
    let isReading = false;
    let mustRead = false;
    // As a window does: it reads until there is nothing new, whenever it is told.
    const readAll = async (): Promise<void> => {
      mustRead = true;
      if (isReading) return;
      isReading = true;
      while (mustRead) {
        mustRead = false;
        const page = await readPage(source, seen + 1, 1 << 20).catch(() => undefined);
        if (page) seen = page.lastSeq;
        else mustRead = true;
      }
      isReading = false;
    };
    source.onNews(() => void readAll());
    for (let n = 1; n <= 20; n++) {
      if (n % 4 === 0) await server.killConnections();
      await journal.append('n', String(n));
      await eventually(() => seen >= n);
    }
  });
});

/** When all that was asked of Redis by now is answered, and has been acted upon. */
async function settled({ connection }: Instance): Promise<void> {
  for (let n = 0; n < 5; n++) await connection.client.ping();
}

/** Reads on behind a cursor whenever it is woken, until the end. */
async function watch(log: LogWindow, onNext: (next: LogEntry | LogGap) => void): Promise<void> {
  const cursor = new LogCursor(log, { after: 0 });
  await new Promise<void>((resolve) => {
    const subscription = log.subscribe(() => {
      for (let next = cursor.next(); next; next = cursor.next()) onNext(next);
      if (!cursor.done) return;
      subscription.unsubscribe();
      resolve();
    });
  });
}

describeStore('watchers of a log in Redis, on another instance', ({ server, open }) => {
  it('are told one time for all events of one call, by the news as by the log', async () => {
    const [writer, reader] = await Promise.all([open(), open()]);
    const { keys, lease } = await writer.claimNew();
    const journal = writer.journal(lease, new FakeRun());
    await allWritten(count(300).map((n) => journal.append('n', `${n}`)));
    const { events } = (await reader.read(keys))!;
    expect(events).toHaveLength(300);
    expect(new Set(events.map(({ timestamp }) => timestamp)).size).toBe(1);
  });

  it('are given small events with the news of them, and read large ones', async () => {
    const [writer, reader] = await Promise.all([open(), open()]);
    const { keys, lease } = await writer.claimNew();
    const source = sourceOf(reader, keys, lease.epoch);
    const froms: number[] = [];
    const read = source.read.bind(source);
    source.read = (from, ...rest) => {
      froms.push(from);
      return read(from, ...rest);
    };
    const window = new LogWindow(source, (await reader.read(keys))!);
    const seen: LogEntry[] = [];
    const watched = watch(window, (next) => seen.push(next as LogEntry));
    // First it listens, then it looks what was written before.
    await eventually(() => froms.length > 0);
    await settled(reader);
    const before = froms.length;
    const run = new FakeRun();
    const journal = writer.journal(lease, run);
    for (const n of count(20)) {
      run.progress = `{"percent":${n}}`;
      await allWritten([journal.append('n', `"\\n ${n}"`), journal.append('m', '{}')]);
    }
    await eventually(() => seen.length === 40);
    expect(froms).toHaveLength(before);
    expect(window.record).toMatchObject({ progress: '{"percent":19}', lastSeq: 40, status: 'running' });
    expect((await reader.read(keys))!.record).toEqual(window.record);
    const stored = (await reader.read(keys))!.events;
    expect(seen.map(({ seq, type, json, timestamp }) => ({ seq, type, json, timestamp }))).toEqual(stored);

    await journal.append('large', `"${'x'.repeat(20_000)}"`);
    await eventually(() => seen.length === 41);
    expect(froms.slice(before)).toEqual([41]);
    await journal.end('completed', '{}', ending());
    await watched;
    expect(window.record.status).toBe('completed');
  });

  it('miss and repeat nothing, though all connections are killed meanwhile', async () => {
    const [writer, reader] = await Promise.all([open(), open()]);
    const { keys, lease } = await writer.claimNew({ limits: { events: 10_000, bytes: 1 << 24 } });
    const source = sourceOf(reader, keys, lease.epoch);
    const window = new LogWindow(source, (await reader.read(keys))!);
    const seen = [0, 1, 2].map((): string[] => []);
    const watched = seen.map((ids) => watch(window, ({ id }) => ids.push(id)));
    const journal = writer.journal(lease);
    for (const turn of count(50)) {
      if (turn % 10 === 5) void server.killConnections();
      await allWritten(count(20).map((n) => journal.append('n', `"${turn} ${n} ${'x'.repeat(200)}"`)));
    }
    await journal.end('completed', '{}', ending());
    await Promise.all(watched);
    const all = count(1_001).map((n) => `${lease.epoch}-${n + 1}`);
    expect(seen).toEqual([all, all, all]);
    expect(window.record.status).toBe('completed');
  });
});

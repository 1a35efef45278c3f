import { describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { InvalidOptionsError } from 'nestjs-streaming';
import { type BullmqOptions, resolveBullmqOptions } from '../../lib/bullmq/bullmq.options.js';

const connection = { host: 'redis', port: 6379 };

/** What it says of wrong options; they are of no type here. */
function complaint(options: unknown): string {
  try {
    resolveBullmqOptions(options as BullmqOptions);
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidOptionsError);
    return (error as Error).message;
  }
  throw new Error('It took them');
}

class Task {
  process(): void {}
}

describe('the options of bullmq()', () => {
  it('have defaults', () => {
    expect(resolveBullmqOptions({ connection })).toEqual({
      connection,
      prefix: 'streaming',
      run: true,
      lockDuration: 5_000,
      stalledInterval: 2_000,
      buffer: { events: 10_000, bytes: 16_777_216 },
      queue: {},
      worker: {},
    });
    const nothing = { prefix: undefined, run: undefined, buffer: { events: undefined }, queue: undefined };
    expect(resolveBullmqOptions({ connection, ...nothing })).toEqual(resolveBullmqOptions({ connection }));
  });

  it('are taken as they are given, with those of BullMQ', () => {
    const options: BullmqOptions = {
      connection,
      prefix: 'shop.orders_1~x-',
      run: [Task, { app: 'shop', name: 'report' }],
      lockDuration: 30_000,
      stalledInterval: 500,
      buffer: { events: 5, bytes: 6 },
      queue: { streams: { events: { maxLen: 100 } } },
      worker: { name: 'one', limiter: { max: 5, duration: 1_000 }, metrics: { maxDataPoints: 60 } },
    };
    expect(resolveBullmqOptions(options)).toEqual(options);
    expect(resolveBullmqOptions({ ...options, run: false }).run).toBe(false);
  });

  it.each([
    [undefined, 'Wrong options in bullmq(): expected an object, got undefined'],
    ['redis://redis', 'Wrong options in bullmq(): expected an object, got "redis://redis"'],
    [{ connection, prefx: 'a' }, 'Unknown option "prefx" in bullmq(); did you mean "prefix"?'],
    [{ connection, concurrency: 5 }, /^Unknown option "concurrency" in bullmq\(\); known are /],
    [
      { connection, buffer: { event: 1 } },
      'Unknown option "buffer.event" in bullmq(); did you mean "events"?',
    ],
    [
      { connection, buffer: { bytes: 0 } },
      'Wrong option "buffer.bytes" in bullmq(): expected a whole number, 1 or more, got 0',
    ],
    [
      { connection, lockDuration: '5s' },
      'Wrong option "lockDuration" in bullmq(): expected a whole number, 100 or more, got "5s"',
    ],
    [{ connection, stalledInterval: 0 }, /^Wrong option "stalledInterval" /],
    ...['', 'a b', 'a:b', 'a{b}', 'x'.repeat(65), 5, null].map((prefix): [unknown, RegExp] => [
      { connection, prefix },
      /^Wrong option "prefix" in bullmq\(\): expected 1 to 64 of A-Z a-z 0-9 \. _ ~ -, got /,
    ]),
    ...['all', [1], ['report'], [{ app: 'shop' }], [{ app: 'shop', name: 'a/b' }], {}].map(
      (run): [unknown, RegExp] => [
        { connection, run },
        /^Wrong option "run" in bullmq\(\): expected true, false, or a list of task types, each a class or \{ app, name \}, got /,
      ],
    ),
    [{ connection, queue: [] }, 'Wrong option "queue" in bullmq(): expected an object, got an array'],
  ])('%j is refused', (options, message) => {
    expect(complaint(options)).toEqual(
      typeof message === 'string' ? message : expect.stringMatching(message),
    );
  });

  it.each([
    ['queue', 'connection', 'give "connection" to bullmq() itself'],
    ['queue', 'prefix', 'give "prefix" to bullmq() itself'],
    ['queue', 'defaultJobOptions', 'it is set here: what a job does is what its task type says'],
    ['worker', 'connection', 'give "connection" to bullmq() itself'],
    ['worker', 'concurrency', 'give "concurrency" to @StreamTask()'],
    ['worker', 'autorun', 'it is set here: workers begin when the application has started'],
    ['worker', 'lockDuration', 'give "lockDuration" to bullmq() itself'],
    ['worker', 'lockRenewTime', /^it is set here/],
    ['worker', 'stalledInterval', 'give "stalledInterval" to bullmq() itself'],
    ['worker', 'maxStalledCount', /"attempts" and "resumable"/],
    ['worker', 'maxStartedAttempts', 'give "attempts" to @StreamTask()'],
    ['worker', 'skipLockRenewal', /run twice/],
    ['worker', 'skipStalledCheck', /lost instances/],
    ['worker', 'removeOnComplete', /retention/],
    ['worker', 'removeOnFail', /retention/],
    ['worker', 'useWorkerThreads', /nestjs-streaming\/worker/],
  ])('%s.%s is refused by name, with the reason', (of, name, reason) => {
    const start = `Refused option "${of}.${name}" in bullmq(): `;
    const message = complaint({ connection, [of]: { [name]: false } });
    expect(message.slice(0, start.length)).toBe(start);
    expect(message.slice(start.length)).toMatch(reason);
    resolveBullmqOptions({ connection, [of]: { [name]: undefined } });
  });
});

describe('the connection of bullmq()', () => {
  it.each([
    [{}],
    [{ host: 'redis', port: '6379' }],
    [{ path: '/run/redis.sock' }],
    [{ sentinels: [{ host: 'a', port: 1 }], name: 'main' }],
    ['redis://redis:6379/1'],
    ['rediss://user:secret@redis'],
  ])('may be %j', (given) => {
    expect(resolveBullmqOptions({ connection: given as BullmqOptions['connection'] }).connection).toBe(given);
  });

  it('may be an ioredis instance', () => {
    const client = new Redis({ lazyConnect: true });
    expect(resolveBullmqOptions({ connection: client }).connection).toBe(client);
  });

  it.each([
    [undefined, 'it is missing'],
    [null, 'it is null'],
    [6379, 'it is 6379'],
    [[{ host: 'redis' }], 'it is an array'],
    ['redis.example.com', 'it is text that is no URL'],
    ['localhost:6411', 'it is no URL: write redis://localhost:6411'],
    ['10.0.0.7:6411', 'it is no URL: write redis://10.0.0.7:6411'],
    ['user:geheim@redis:6411', 'it is a URL that begins with user:'],
    ['user:geheim@redis', 'it is a URL that begins with user:'],
    ['http://user:geheim@redis', 'it is a URL that begins with http:'],
    ['redis://redis?keyPrefix=a', 'its "keyPrefix" must not be set; give "prefix" to bullmq() instead'],
    [{ host: 'redis', keyPrefix: 'a' }, 'its "keyPrefix" must not be set; give "prefix" to bullmq() instead'],
    [{ url: 'redis://user:geheim@redis' }, 'its "url" is no option of ioredis; give the URL itself'],
    [{ host: 5 }, 'its "host" is 5'],
    [{ host: 'redis', port: 'six', password: 'geheim' }, 'its "port" is "six"'],
    [{ port: 0 }, 'its "port" is 0'],
    [{ sentinels: 'a:1' }, 'its "sentinels" is "a:1"'],
    [{ connect() {}, duplicate() {}, sendCommand() {} }, 'it is a client of another library'],
    [
      new Redis({ lazyConnect: true, keyPrefix: 'a' }),
      'its "keyPrefix" must not be set; give "prefix" to bullmq() instead',
    ],
  ])('is refused where it is wrong, and no password is shown (%#)', (given, fault) => {
    const message = complaint({ connection: given });
    expect(message).toBe(
      `Wrong option "connection" in bullmq(): expected ioredis options such as { host, port }, a redis:// or rediss:// URL, or an ioredis instance; ${fault}`,
    );
    expect(message).not.toContain('geheim');
  });
});

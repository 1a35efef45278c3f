import { describe, expect, test } from '@jest/globals';
import { type HttpOptions, InvalidOptionsError, type StreamingModuleOptions } from 'nestjs-streaming';
import { resolveOptions, resolveShutdownOptions, resolveTaskOptions } from '../../lib/resolve-options.js';

const TIME = 'a number of milliseconds, 0 or more';
const LIMIT = `${TIME}, or null for no limit`;
const NAME = '1 to 64 of A-Z a-z 0-9 . _ ~ - and neither "." nor ".."';

/** What it says of wrong options; they are of no type here. */
function complaint(resolve: (given: never) => unknown, given: unknown): string {
  try {
    resolve(given as never);
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidOptionsError);
    expect(error).toMatchObject({ code: 'INVALID_OPTIONS' });
    return (error as Error).message;
  }
  throw new Error('It took them');
}

const forRoot = (given: unknown): string =>
  complaint(
    (options: StreamingModuleOptions & { http?: HttpOptions }) => resolveOptions(options, options.http),
    given,
  );
const decorator = (given: unknown): string =>
  complaint((options) => resolveTaskOptions('@StreamTask() of X', options, resolveOptions()), given);

describe('an unknown option is named, with the nearest one that is known', () => {
  test.each([
    [{ shutdwon: {} }, 'shutdwon', 'shutdown'],
    [{ Replay: {} }, 'Replay', 'replay'],
    [{ tasks: { timout: 1 } }, 'tasks.timout', 'timeout'],
    [{ tasks: { cancelWhenUnwached: 1 } }, 'tasks.cancelWhenUnwached', 'cancelWhenUnwatched'],
    [{ replay: { event: 1 } }, 'replay.event', 'events'],
    [{ tasks: { validation: { whiteList: true } } }, 'tasks.validation.whiteList', 'whitelist'],
    [{ http: { heartBeat: 1 } }, 'http.heartBeat', 'heartbeat'],
    [{ http: { guard: [] } }, 'http.guard', 'guards'],
    [{ shutdown: { drian: 1 } }, 'shutdown.drian', 'drain'],
  ])('%j', (given, name, nearest) => {
    expect(forRoot(given)).toBe(
      `Unknown option "${name}" in StreamingModule.forRoot(); did you mean "${nearest}"?`,
    );
  });

  test('where none is near, all are named', () => {
    expect(forRoot({ shutdown: { kubernetes: true } })).toBe(
      'Unknown option "shutdown.kubernetes" in StreamingModule.forRoot(); known are drain, timeout, cancelPending',
    );
    expect(forRoot({ constructor: 1 })).toMatch(/^Unknown option "constructor"/);
  });

  test('in @StreamTask() and in shutdown()', () => {
    expect(decorator({ validation: {} })).toMatch(/^Unknown option "validation" in @StreamTask\(\) of X/);
    expect(decorator({ nam: 'x' })).toBe('Unknown option "nam" in @StreamTask() of X; did you mean "name"?');
    expect(decorator({ replay: { retention: 1 } })).toBe(
      'Unknown option "replay.retention" in @StreamTask() of X; known are events, bytes',
    );
    expect(complaint((given) => resolveShutdownOptions(given, resolveOptions().shutdown), { time: 1 })).toBe(
      'Unknown option "time" in shutdown(); known are drain, timeout, cancelPending',
    );
  });
});

describe('a wrong value is named, with what was expected', () => {
  test.each<[unknown, string, string, string]>([
    [{ tasks: { timeout: -1 } }, 'tasks.timeout', LIMIT, '-1'],
    [{ tasks: { timeout: '10s' } }, 'tasks.timeout', LIMIT, '"10s"'],
    [{ tasks: { idleTimeout: NaN } }, 'tasks.idleTimeout', LIMIT, 'NaN'],
    [{ tasks: { pendingTimeout: {} } }, 'tasks.pendingTimeout', LIMIT, 'an object'],
    [{ tasks: { cancelWhenUnwatched: true } }, 'tasks.cancelWhenUnwatched', LIMIT, 'true'],
    [{ tasks: { grace: Infinity } }, 'tasks.grace', TIME, 'Infinity'],
    [{ tasks: { grace: null } }, 'tasks.grace', TIME, 'null'],
    [{ tasks: { concurrency: 0 } }, 'tasks.concurrency', 'a whole number, 1 or more, or Infinity', '0'],
    [{ tasks: { maxPending: 1.5 } }, 'tasks.maxPending', 'a whole number, 0 or more, or Infinity', '1.5'],
    [{ tasks: { attempts: 0 } }, 'tasks.attempts', 'a whole number, 1 or more, or Infinity', '0'],
    [{ tasks: { backoff: -5 } }, 'tasks.backoff', `${TIME}, or a function of the attempt`, '-5'],
    [
      { tasks: { swallowedCancel: 'canceled' } },
      'tasks.swallowedCancel',
      '"cancelled" or "completed"',
      '"canceled"',
    ],
    [{ tasks: { announceCancelling: 'yes' } }, 'tasks.announceCancelling', 'true or false', '"yes"'],
    [{ tasks: { maxEventBytes: 0 } }, 'tasks.maxEventBytes', 'a whole number, 1 or more', '0'],
    [{ tasks: { maxEventBytes: Infinity } }, 'tasks.maxEventBytes', 'a whole number, 1 or more', 'Infinity'],
    [{ replay: { events: 0 } }, 'replay.events', 'a whole number, 1 or more', '0'],
    [{ replay: { bytes: '1mb' } }, 'replay.bytes', 'a whole number, 1 or more', '"1mb"'],
    [{ replay: { retention: Infinity } }, 'replay.retention', TIME, 'Infinity'],
    [{ replay: { tasks: -1 } }, 'replay.tasks', 'a whole number, 0 or more', '-1'],
    [{ replay: { totalBytes: Infinity } }, 'replay.totalBytes', 'a whole number, 0 or more', 'Infinity'],
    [{ tasks: { validation: true } }, 'tasks.validation', 'an object', 'true'],
    [{ tasks: { validation: { whitelist: 1 } } }, 'tasks.validation.whitelist', 'true or false', '1'],
    [{ tasks: { validation: { groups: 'a' } } }, 'tasks.validation.groups', 'an array of text', '"a"'],
    [{ imports: {} }, 'imports', 'an array', 'an object'],
    [{ isCancellation: true }, 'isCancellation', 'a function', 'true'],
    [{ http: { controller: 0 } }, 'http.controller', 'true or false', '0'],
    [{ http: { path: '' } }, 'http.path', 'a path', '""'],
    [{ http: { start: 1 } }, 'http.start', 'true or false', '1'],
    [{ http: { guards: Boolean } }, 'http.guards', 'an array of classes or instances', 'a function'],
    [{ http: { heartbeat: 0 } }, 'http.heartbeat', 'a whole number, 1 or more', '0'],
    [{ http: { retry: '2000' } }, 'http.retry', 'a whole number from 0 to 2147483647', '"2000"'],
    [{ http: { retry: 2 ** 31 } }, 'http.retry', 'a whole number from 0 to 2147483647', '2147483648'],
    [{ http: { maxStreams: -1 } }, 'http.maxStreams', 'a whole number, 0 or more, or Infinity', '-1'],
    [{ http: { stallTimeout: NaN } }, 'http.stallTimeout', 'a whole number, 1 or more', 'NaN'],
    [{ http: { owner: 'ann' } }, 'http.owner', 'a function', '"ann"'],
    [{ http: true }, 'http', 'an object', 'true'],
    [{ shutdown: { timeout: null } }, 'shutdown.timeout', TIME, 'null'],
    [{ shutdown: { drain: Infinity } }, 'shutdown.drain', TIME, 'Infinity'],
    [{ shutdown: 5 }, 'shutdown', 'an object', '5'],
    [{ authorize: 'no' }, 'authorize', 'a class', '"no"'],
  ])('%j', (given, name, expected, got) => {
    expect(forRoot(given)).toBe(
      `Wrong option "${name}" in StreamingModule.forRoot(): expected ${expected}, got ${got}`,
    );
  });

  test('A4 text is no number, a newline in it least of all', () => {
    expect(forRoot({ http: { retry: '2000\nevent: admin' } })).toBe(
      'Wrong option "http.retry" in StreamingModule.forRoot(): expected a whole number from 0 to 2147483647, ' +
        'got "2000\\nevent: admin"',
    );
    expect(forRoot({ http: { heartbeat: '1\n2' } })).toContain('"http.heartbeat"');
  });

  test.each([
    [{ app: 'a/b' }, 'app', NAME, '"a/b"'],
    [{ name: '..' }, 'name', NAME, '".."'],
    [{ name: 'x'.repeat(65) }, 'name', NAME, `"${'x'.repeat(65)}"`],
    [{ input: {} }, 'input', 'a Standard Schema or a class with class-validator decorators', 'an object'],
    [{ timeout: 'never' }, 'timeout', LIMIT, '"never"'],
  ])('@StreamTask(%j)', (given, name, expected, got) => {
    expect(decorator(given)).toBe(
      `Wrong option "${name}" in @StreamTask() of X: expected ${expected}, got ${got}`,
    );
  });

  test('options that are no object', () => {
    expect(forRoot([])).toBe('Wrong options in StreamingModule.forRoot(): expected an object, got an array');
  });

  test('an event may not be larger than what is kept of all', () => {
    expect(forRoot({ tasks: { maxEventBytes: 2_000 }, replay: { bytes: 1_000 } })).toBe(
      'Wrong option "maxEventBytes" in StreamingModule.forRoot(): 2000 is more than the 1000 of "replay.bytes"',
    );
    expect(decorator({ maxEventBytes: 2_000, replay: { bytes: 1_000 } })).toContain(
      'Wrong option "maxEventBytes" in @StreamTask() of X: 2000 is more than the 1000 of "replay.bytes"',
    );
    expect(decorator({ maxEventBytes: 2_000_000 })).toContain('2000000 is more than the 1048576');
  });
});

describe('what is right', () => {
  test('Infinity is taken where null or a count without limit is', () => {
    const { tasks, http } = resolveOptions({
      tasks: { timeout: Infinity, idleTimeout: null, concurrency: Infinity, attempts: Infinity },
      http: { maxStreams: Infinity },
    });
    expect(tasks).toMatchObject({
      timeout: Infinity,
      idleTimeout: null,
      concurrency: Infinity,
      attempts: Infinity,
    });
    expect(http).toMatchObject({ maxStreams: Infinity });
  });

  test('undefined is not given, and does not hide a default', () => {
    const given = { tasks: undefined, shutdown: { drain: undefined } } as unknown as StreamingModuleOptions;
    expect(resolveOptions(given)).toEqual(resolveOptions());
  });

  test('a task type has what it says, else what the module says, else the default', () => {
    const module = resolveOptions({ tasks: { grace: 5, attempts: 2 }, replay: { events: 7 } });
    expect(resolveTaskOptions('X', { attempts: 3, replay: { bytes: 300_000 } }, module)).toMatchObject({
      attempts: 3,
      grace: 5,
      timeout: null,
      replay: { events: 7, bytes: 300_000 },
    });
  });

  test('where less is kept than an event may have, and nobody said how much that is, it may have that', () => {
    const small = resolveOptions({ replay: { bytes: 10_000 } });
    expect(resolveTaskOptions('X', {}, small).maxEventBytes).toBe(10_000);
    expect(resolveTaskOptions('X', { maxEventBytes: 50 }, small).maxEventBytes).toBe(50);
    expect(resolveTaskOptions('X', { replay: { bytes: 500_000 } }, small).maxEventBytes).toBe(262_144);
    const said = resolveOptions({ tasks: { maxEventBytes: 400_000 } });
    expect(resolveTaskOptions('X', { replay: { bytes: 300_000 } }, said).maxEventBytes).toBe(300_000);
  });
});

import { describe, expect, test } from '@jest/globals';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as face from 'nestjs-streaming';
import {
  checkCancelOptions,
  checkStartOptions,
  checkTaskFilter,
} from '../../lib/coordinator/coordinator.options.js';
import { exitCodes } from '../../lib/cli/exit-codes.js';
import { createProgram } from '../../lib/cli/program.js';
import { JsonView } from '../../lib/cli/output/json-view.js';
import { resolveBullmqOptions } from '../../lib/bullmq/bullmq.options.js';
import { asHttpError, StreamingHttpException } from '../../lib/http/errors/http-errors.js';
import { resolveOptions, resolveTaskOptions } from '../../lib/resolve-options.js';
import { assertEventType } from '../../lib/task/task-event.js';
import { taskStatuses, terminalStatuses } from '../../lib/task/task-status.js';
import { createTaskApp } from '../support/app.js';
import { codes, firstCode, ROOT, type Row, table } from './support/documents.js';

const UNKNOWN = 'no option is called anything like this';

/** What an options check names when it is given an option that nobody knows. */
function knownOptions(check: (options: object) => unknown): string[] {
  try {
    check({ [UNKNOWN]: 1 });
  } catch (error) {
    return /known are (.*)$/.exec((error as Error).message)?.[1]?.split(', ') ?? [];
  }
  throw new Error('It took an option that is unknown');
}

/** The default that a row gives, as a value; `undefined` for `none` and other words. */
function defaultOf(row: Row): unknown {
  const [code] = codes(row['Default']);
  if (code === undefined) return undefined;
  if (code === 'Infinity') return Infinity;
  return JSON.parse(code.replaceAll("'", '"').replaceAll(/(?<=\d)_(?=\d)/g, ''));
}

describe('the tables of the command line', () => {
  const program = createProgram({ version: '1', env: {}, view: () => new JsonView(() => {}) }, () => {});
  const longOf = (flags: string): string | undefined => /--[\w-]+/.exec(flags)?.[0];

  test('each command stands there, with its arguments and its options', () => {
    const rows = table('commands');
    const usage = program.commands.map((command) => {
      const words = command.registeredArguments.map((word) =>
        word.required ? `<${word.name()}>` : `[${word.name()}]`,
      );
      return [command.name(), ...words].join(' ');
    });
    expect(rows.map((row) => codes(row['Command'])[0])).toEqual(usage);
    for (const [at, command] of program.commands.entries()) {
      const told = codes(rows[at]?.['What it does']).flatMap((code) => longOf(code) ?? []);
      const known = new Set(command.options.map(({ flags }) => longOf(flags)));
      expect(new Set(told)).toEqual(known);
    }
  });

  test('so does each option of all commands', () => {
    const given = program.options.map(({ flags }) => longOf(flags)).filter((flag) => flag !== '--version');
    expect(table('command-options').map((row) => longOf(codes(row['Option'])[0] ?? ''))).toEqual(given);
  });

  test('and each exit code', () => {
    expect(table('exit-codes').map((row) => Number(row['Exit code']))).toEqual(Object.values(exitCodes));
  });
});

describe('the tables of the documentation', () => {
  const defaults = resolveOptions();

  test.each([
    ['tasks', defaults.tasks],
    ['replay', defaults.replay],
    ['http', defaults.http],
    ['shutdown', defaults.shutdown],
  ] as const)('forRoot({ %s }): every option with its default', (name, resolved) => {
    const rows = table(name);
    expect(rows.map(firstCode)).toEqual(knownOptions((given) => resolveOptions({ [name]: given })));
    const documented = new Map(rows.map((row) => [firstCode(row), defaultOf(row)]));
    const given = [...documented].filter(([, value]) => value !== undefined);
    expect(Object.fromEntries<unknown>(given)).toEqual(resolved);
  });

  test('bullmq(): every option with its default', () => {
    const connection = { host: 'redis' };
    const rows = table('bullmq');
    expect(rows.map(firstCode)).toEqual(
      knownOptions((given) => resolveBullmqOptions({ connection, ...given })),
    );
    const { prefix, run, lockDuration, stalledInterval } = resolveBullmqOptions({ connection });
    const plain = rows.filter((row) => !/[{]|needed/.test(row['Default'] ?? ''));
    const documented = plain.map((row) => [firstCode(row), defaultOf(row)] as const);
    expect(documented.filter(([, value]) => value !== undefined)).toEqual(
      Object.entries({ prefix, run, lockDuration, stalledInterval }),
    );
  });

  test('@StreamTask(): every option', () => {
    const own = table('decorator').map(firstCode);
    const known = knownOptions((given) => resolveTaskOptions('@StreamTask()', given, defaults));
    // This one is of the module alone.
    const shared = table('tasks').map(firstCode);
    expect([...shared.filter((name) => name !== 'validation'), ...own]).toEqual(known);
  });

  test.each([
    ['start', checkStartOptions],
    ['cancel', checkCancelOptions],
    ['filter', checkTaskFilter],
  ] as const)('%s(): every option', (name, check) => {
    expect(table(name).map(firstCode)).toEqual(knownOptions(check));
  });

  test('a TaskFilter knows every status', () => {
    const status = table('filter').find((row) => firstCode(row) === 'status');
    expect(codes(status?.['Meaning'])).toEqual(taskStatuses);
  });

  test('every event of the coordinator is there, and cannot be sent by a handler', () => {
    const types = table('events').map(firstCode);
    expect(types).toEqual(expect.arrayContaining([...terminalStatuses]));
    const refused = [...types, 'open', 'error'].filter((type) => {
      try {
        assertEventType(type);
        return false;
      } catch {
        return true;
      }
    });
    expect(refused).toEqual([...types.filter((type) => type !== 'progress'), 'open', 'error']);
  });

  test('every code of an error, with its class and status', () => {
    const rows = table('errors');
    const documented = rows
      .filter((row) => row['Class'] !== '')
      .map((row) => `${firstCode(row)} ${codes(row['Class'])[0]}`)
      .toSorted();
    expect(documented).toEqual(errors.map((error) => `${error.code} ${error.name}`).toSorted());
    for (const error of errors) {
      const row = rows.find((candidate) => firstCode(candidate) === error.code);
      const answer = asHttpError(error);
      expect([error.code, row?.['Status']]).toEqual([
        error.code,
        answer instanceof StreamingHttpException ? String(answer.getStatus()) : '',
      ]);
    }
    for (const row of rows.filter((candidate) => candidate['Class'] === '')) {
      expect(row['Status']).toBe(String(new StreamingHttpException(firstCode(row), '').getStatus()));
    }
  });

  test('every entry point', () => {
    const { exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { exports: object };
    const entryPoints = Object.keys(exports)
      .filter((path) => path !== './package.json')
      .map((path) => path.replace(/^\./, 'nestjs-streaming'));
    expect(table('entry-points').map(firstCode).toSorted()).toEqual(entryPoints.toSorted());
  });

  test('every route', async () => {
    const { app } = await createTaskApp({ options: { http: { start: true, list: true, types: true } } });
    const layers = (app as NestExpressApplication).getHttpAdapter().getInstance().router.stack;
    const routes = layers.flatMap(({ route }) =>
      route
        ? Object.keys((route as unknown as { methods: object }).methods).map(
            (method) => `${method.toUpperCase()} ${route.path}`,
          )
        : [],
    );
    expect(table('routes').map(firstCode).toSorted()).toEqual([...new Set(routes)].toSorted());
  });
});

/** One of each error that the package exports; of what they are made of only the class matters here. */
const errors: readonly face.StreamingError[] = Object.values(face)
  .filter((value): value is typeof value & (abstract new () => face.StreamingError) => {
    return typeof value === 'function' && value.prototype instanceof face.StreamingError;
  })
  .map((type) => Reflect.construct(type, ['app', [], 1]) as face.StreamingError);

import { Command, Option } from 'commander';
import {
  type ListFilter,
  StreamingRequestError,
  type TaskRef,
  type TaskRun,
  type TaskSnapshot,
  type TaskStatus,
} from '../client/index.js';
import { messageOf, StartRefusedError, UsageError } from './errors.js';
import { exitCodeOf, exitCodes } from './exit-codes.js';
import { jsonOf } from './json-argument.js';
import type { View } from './output/view.js';
import { writeTypes } from './types/write-types.js';
import { MAX_WAIT, Server } from './server.js';
import { watchTask } from './watch-task.js';

/** What the commands need of the process. */
export interface Surroundings {
  readonly version: string;
  readonly env: NodeJS.ProcessEnv;
  /** @param json whether one JSON object a line is wanted */
  view(json: boolean): View;
}

interface CommonOptions {
  readonly url?: string;
  readonly header?: string[];
  readonly json?: boolean;
}

const statuses: readonly TaskStatus[] = [
  'pending',
  'running',
  'cancelling',
  'completed',
  'failed',
  'cancelled',
  'timeout',
];

/** Of a page of a list. */
const MAX_PAGE = 1_000;

const exitCodesHelp = `
Exit codes: 0 completed, 1 failed, 2 wrong usage, 3 cancelled, 4 timeout, 5 no answer or refused, 6 gone,
130 stopped watching.

Where the output is no terminal, or with --json, it is one JSON object a line. What types prints is TypeScript.`;

/**
 * @param setExitCode called with the exit code when a command is done
 */
export function createProgram(around: Surroundings, setExitCode: (code: number) => void): Command {
  const program = new Command('nestjs-streaming')
    .description('Starts, watches and cancels the tasks of a server.')
    .version(around.version)
    .addOption(
      new Option('--url <address>', 'where the routes are, as in http://localhost:3000/stream').env(
        'STREAMING_URL',
      ),
    )
    .option('--header <header>', '"Name: value", sent with each request; repeatable', append)
    .option('--json', 'one JSON object a line')
    .addHelpText(
      'after',
      `
STREAMING_URL stands for --url. STREAMING_TOKEN is sent as a bearer token.
${exitCodesHelp}`,
    );

  /** Runs a command, and takes down what it shows. */
  const act = async (
    command: Command,
    run: (server: Server, view: View) => Promise<number>,
  ): Promise<void> => {
    const { url, header = [], json = false } = command.optsWithGlobals<CommonOptions>();
    const server = new Server({ url, headers: header, token: around.env['STREAMING_TOKEN'] });
    const view = around.view(json);
    try {
      setExitCode(await run(server, view));
    } finally {
      view.close();
    }
  };
  const runOf = (server: Server, { app, name, id }: TaskRef, after?: string): TaskRun =>
    server.client.task(app, name).attach(id, after === undefined ? {} : { after });

  program
    .command('start')
    .description('Start a task and watch it to its end.')
    .argument('<app>')
    .argument('<name>')
    .argument('[json]', 'the input; - for the standard input')
    .option('--id <id>', 'starts it once, however often that is asked')
    .option('--detach', 'do not watch it')
    .action(
      async (
        app: string,
        name: string,
        argument: string | undefined,
        options: StartFlags,
        command: Command,
      ) => {
        await act(command, async (server, view) => {
          const input = await jsonOf('The input', argument);
          const { id } = options;
          const task = server.client.task(app, name);
          const run = await server
            .reach(() => task.start(input, id === undefined ? {} : { id }))
            .catch(refuse);
          view.started(run);
          return options.detach === true ? exitCodes.completed : watchTask(server, run, view);
        });
      },
    );

  ofTask('watch', 'Watch a task to its end.')
    .option('--after <event>', 'the id of the last event that is known')
    .addOption(new Option('--from <where>', 'begin later').choices(['latest', 'state']))
    .action(async (app: string, name: string, id: string, options: WatchFlags, command: Command) => {
      await act(command, async (server, view) => {
        const { after, from } = options;
        if (after !== undefined && from !== undefined)
          throw new UsageError('Give --after or --from, not both');
        const run = runOf(server, { app, name, id }, after);
        return watchTask(server, run, view, from === undefined ? {} : { from });
      });
    });

  ofTask('cancel', 'Cancel a task.')
    .option('--detail <text>', 'why, for those who watch')
    .addOption(
      new Option('--wait <ms>', 'wait so long for its end, in milliseconds').argParser(
        whole('--wait', 0, MAX_WAIT),
      ),
    )
    .action(async (app: string, name: string, id: string, options: CancelFlags, command: Command) => {
      await act(command, async (server, view) => {
        const run = runOf(server, { app, name, id });
        const { detail, wait } = options;
        const answer = await server.reach(
          () => (wait === undefined ? run.cancel(detail) : run.cancel(detail, { wait })),
          wait,
        );
        const { status } =
          answer === true
            ? { status: undefined }
            : typeof answer === 'object'
              ? answer
              : await server.reach(() => run.snapshot());
        view.answer(run, { done: answer !== false && 'is being cancelled', status });
        return (status === undefined ? undefined : exitCodeOf(status)) ?? exitCodes.completed;
      });
    });

  ofTask('signal', 'Send data to a running task.')
    .argument('<signal>', 'the name that the handler waits for')
    .argument('[json]', 'the data; - for the standard input')
    .action(
      async (
        app: string,
        name: string,
        id: string,
        signal: string,
        argument: string | undefined,
        _options,
        command: Command,
      ) => {
        await act(command, async (server, view) => {
          const data = await jsonOf('The data', argument);
          const run = runOf(server, { app, name, id });
          if (await server.reach(() => run.signal(signal, data))) {
            view.answer(run, { done: `has "${signal}"`, status: undefined });
            return exitCodes.completed;
          }
          const { status } = await server.reach(() => run.snapshot());
          view.answer(run, { done: false, status });
          return exitCodes.failed;
        });
      },
    );

  ofTask('status', 'Show how a task stands.').action(
    async (app: string, name: string, id: string, _options, command: Command) => {
      await act(command, async (server, view) => {
        const run = runOf(server, { app, name, id });
        view.snapshot(await server.reach(() => run.snapshot()));
        return exitCodes.completed;
      });
    },
  );

  program
    .command('list')
    .description('List tasks, the newest first. The server must have http.list.')
    .addOption(new Option('--status <status>').choices(statuses))
    .option('--app <app>')
    .option('--name <name>')
    .option('--owner <owner>', 'as far as the server shows owners: it needs an authorizer')
    .addOption(
      new Option('--limit <count>', 'how many, at most')
        .default(100)
        .argParser(whole('--limit', 1, 1_000_000)),
    )
    .action(async (options: ListFlags, command: Command) => {
      await act(command, async (server, view) => {
        const { limit, ...filter } = options;
        view.list(await server.reach(() => newest(server, filter, limit)));
        return exitCodes.completed;
      });
    });

  program
    .command('types')
    .description('Write the type of the tasks, for a client. The server must have http.types.')
    .option('--out <file>', 'where to; without it to the standard output')
    .action(async ({ out }: TypesFlags, command: Command) => {
      await act(command, async (server, view) => {
        await writeTypes(server, view, around.version, out);
        return exitCodes.completed;
      });
    });

  return program;

  function ofTask(name: string, description: string): Command {
    return program
      .command(name)
      .description(description)
      .argument('<app>')
      .argument('<name>')
      .argument('<id>');
  }
}

interface StartFlags {
  readonly id?: string;
  readonly detach?: boolean;
}

interface WatchFlags {
  readonly after?: string;
  readonly from?: 'latest' | 'state';
}

interface CancelFlags {
  readonly detail?: string;
  readonly wait?: number;
}

interface TypesFlags {
  readonly out?: string;
}

interface ListFlags extends Omit<ListFilter, 'cursor' | 'limit'> {
  readonly owner?: string;
  readonly limit: number;
}

/** Its answers are of the type, or of the input: no task is gone. */
function refuse(error: unknown): never {
  if (error instanceof StreamingRequestError) throw new StartRefusedError(messageOf(error), { cause: error });
  throw error;
}

/** The server tells owners, and does not look for them. */
async function newest(
  server: Server,
  { owner, ...filter }: Omit<ListFlags, 'limit'>,
  most: number,
): Promise<TaskSnapshot<unknown, unknown>[]> {
  const snapshots: TaskSnapshot<unknown, unknown>[] = [];
  const limit = owner === undefined ? Math.min(most, MAX_PAGE) : MAX_PAGE;
  for await (const snapshot of server.client.list({ ...filter, limit }).all()) {
    if (owner === undefined || snapshot.owner === owner) snapshots.push(snapshot);
    if (snapshots.length === most) break;
  }
  return snapshots;
}

function append(value: string, before: string[] = []): string[] {
  return [...before, value];
}

function whole(option: string, least: number, most: number): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (text.trim() !== '' && Number.isInteger(number) && number >= least && number <= most) return number;
    throw new UsageError(`${option} is "${text}"; expected a whole number from ${least} to ${most}`);
  };
}

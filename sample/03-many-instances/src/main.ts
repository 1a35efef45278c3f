/** Starts the cluster: `npm run start:cluster`; with `-- --demo` it shows what the cluster survives, and ends. */
import { parseArgs } from 'node:util';
import { Cluster } from './cluster/cluster.js';
import type { Instance } from './cluster/instance.js';
import { ClusterError } from './cluster/program.js';
import { runDemo } from './demo/demo.js';

const options = {
  demo: { type: 'boolean', default: false },
  tasks: { type: 'string', default: '50' },
  watchers: { type: 'string', default: '200' },
  /** That a task takes. */
  seconds: { type: 'string', default: '30' },
} as const;

const stopped = new AbortController();
let signal: NodeJS.Signals | undefined;
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => {
    // npm passes on what the terminal has sent already.
    signal ??= name;
    stopped.abort();
  });
}

let cluster: Cluster | undefined;
try {
  const { values } = parseArgs({ options });
  cluster = new Cluster({ port: portOf(process.env['PORT']), onLost });
  await untilStopped(cluster.start());
  if (values.demo) {
    const sizes = {
      tasks: Number(values.tasks),
      watchers: Number(values.watchers),
      seconds: Number(values.seconds),
    };
    const isWhole = await untilStopped(runDemo(cluster, sizes, stopped.signal));
    if (isWhole === false) process.exitCode = 1;
  } else if (!stopped.signal.aborted) {
    printAddress(cluster);
    await untilStopped(new Promise(() => undefined));
  }
} catch (error) {
  const isPlain = error instanceof ClusterError || (error as NodeJS.ErrnoException).code !== undefined;
  console.error(isPlain ? (error as Error).message : error);
  process.exitCode = 1;
} finally {
  await cluster?.close();
}
if (signal !== undefined) {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}

/** Resolves with `undefined` when somebody wants it all to end first. */
function untilStopped<T>(work: Promise<T>): Promise<T | undefined> {
  const end = new Promise<undefined>((resolve) => {
    if (stopped.signal.aborted) resolve(undefined);
    else stopped.signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
  return Promise.race([work, end]);
}

function onLost({ name }: Instance, restarted: Promise<void>): void {
  if (stopped.signal.aborted) return;
  console.log(`  ${name} is gone; starting it again`);
  restarted.then(
    () => console.log(`  ${name} is back`),
    (error: unknown) => console.error(`  ${(error as Error).message}`),
  );
}

function printAddress({ url, redis, instances }: Cluster): void {
  const task = `${url}/stream/app/ImportTask/mine`;
  const lines = instances.map(({ name, port, pid }) => `    ${name.padEnd(6)} port ${port}, process ${pid}`);
  console.log(`
  The cluster runs at      ${url}
  Its load balancer is nginx, its Redis is at ${redis.address}, its instances are

${lines.join('\n')}

  Open the page, start some tasks, and kill an instance: its tasks go on elsewhere, and it is started again

    kill -9 ${instances[0]?.pid}

  Without a browser

    curl -X PUT ${task} && curl -N ${task}
    curl -X DELETE ${task}

  50 tasks and 200 watchers through a kill and a rolling restart:  npm run start:cluster -- --demo
  Ctrl+C ends all of it.
`);
}

function portOf(text = '3000'): number {
  const port = Number(text);
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  throw new ClusterError(`PORT is "${text}", which is no port; choose 0 to 65535`);
}

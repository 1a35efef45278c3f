import { chmod, readFile, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { ClusterError, findProgram, Program, until } from './program.js';

const config = join(import.meta.dirname, '../../nginx.conf');

const place = {
  name: 'nginx',
  variable: 'NGINX_PATH',
  // Debian keeps servers where the PATH of a user does not lead.
  folders: ['/usr/sbin', '/usr/local/sbin'],
  hint: 'apt-get install nginx (macOS: brew install nginx)',
};

/** nginx in front of the instances, with the configuration of the sample. */
export class LoadBalancer {
  readonly #command = findProgram(place);
  #program: Program | undefined;

  /**
   * @param folder where it may write
   * @param port its own
   * @param instances their ports
   */
  async start(folder: string, port: number, instances: readonly number[]): Promise<void> {
    await assertFree(port);
    const servers = instances.map((to) => `server 127.0.0.1:${to} max_fails=1 fail_timeout=1s;`);
    const text = (await readFile(config, 'utf8'))
      .replace('@LISTEN@', `127.0.0.1:${port}`)
      .replace('@INSTANCES@', servers.join('\n    '));
    const file = join(folder, 'nginx.conf');
    await writeFile(file, text);
    // Started by root, it works as a user that may not see into the folder.
    await chmod(folder, 0o711);

    const args = ['-p', folder, '-c', file, '-e', 'stderr', '-g', 'daemon off;'];
    const program = new Program(this.#command, args, { output: 'pipe' });
    this.#program = program;
    let said = '';
    program.process.stdout?.resume();
    program.process.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()));
    const problem = (): string => `nginx did not start:\n${said}`;
    await until(async () => {
      if (!program.isRunning) throw new ClusterError(problem());
      return accepts(port);
    }, problem);
  }

  async stop(): Promise<void> {
    await this.#program?.stop('SIGTERM');
  }
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

async function assertFree(port: number): Promise<void> {
  const server = createServer();
  try {
    await once(server.listen(port, '127.0.0.1'), 'listening');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EADDRINUSE') throw error;
    throw new ClusterError(`Port ${port} is taken; choose another: PORT=${port + 1} npm run start:cluster`);
  }
  await once(server.close(), 'close');
}
